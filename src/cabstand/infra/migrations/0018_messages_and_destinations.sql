-- Messages to people are sent: by mail or as texts, live ones through a configured sender.

ALTER TABLE messages
    ADD COLUMN subject text,            -- of a mail
    ADD COLUMN html text,               -- of a mail; `text` has the same for those who read no HTML
    ADD COLUMN state text NOT NULL DEFAULT 'kept'
        CHECK (state IN ('kept', 'waiting', 'sent', 'failed')),  -- kept: nobody is configured to send it, or sandbox
    ADD COLUMN attempts integer NOT NULL DEFAULT 0,
    ADD COLUMN next_at timestamptz,     -- while it waits
    ADD COLUMN sent_at timestamptz,
    ADD COLUMN error text;
CREATE INDEX messages_waiting ON messages (next_at) WHERE state = 'waiting';

-- A destination belongs to a credential, or to a company that has one for itself.
ALTER TABLE destinations ALTER COLUMN credential_id DROP NOT NULL;
ALTER TABLE destinations
    ADD COLUMN company_id bigint UNIQUE REFERENCES companies,
    ADD COLUMN door text,               -- of a company's
    ADD COLUMN kinds text[],            -- of events that are wanted; NULL: all
    ADD CONSTRAINT destinations_owner CHECK ((credential_id IS NULL) <> (company_id IS NULL)),
    ADD CONSTRAINT destinations_door CHECK ((credential_id IS NULL) = (door IS NOT NULL));

-- Some messages tell no fact: where a car is.
ALTER TABLE deliveries ALTER COLUMN fact_id DROP NOT NULL;
