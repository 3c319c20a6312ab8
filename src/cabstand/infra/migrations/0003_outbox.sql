-- What follows from a change: facts, jobs, deliveries, messages (design 3.5).

CREATE TABLE events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment   text NOT NULL,
    subject       text NOT NULL,        -- ride | driver | vehicle
    subject_id    bigint NOT NULL,
    version       integer NOT NULL,     -- without gaps per subject
    kind          text NOT NULL,
    before        text,
    after         text,
    since         text,                 -- the state when the call began; differs from before after an implied step
    implied       boolean NOT NULL DEFAULT false,
    actor         text NOT NULL,
    tenant_id     bigint,               -- who did it
    credential_id bigint,
    offer_id      bigint,
    at            timestamptz NOT NULL,
    data          jsonb,                -- ids, amounts, names of changed fields; never names, phones or e-mails
    fanned_out    boolean NOT NULL DEFAULT false,
    UNIQUE (subject, subject_id, version)
);
CREATE INDEX events_to_fan_out ON events (id) WHERE NOT fanned_out;

CREATE TABLE jobs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment  text NOT NULL,
    kind         text NOT NULL,
    subject_id   bigint NOT NULL,
    due_at       timestamptz NOT NULL,
    leased_until timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    error        text
);
CREATE INDEX jobs_due ON jobs (due_at);
CREATE INDEX jobs_of_subject ON jobs (kind, subject_id);
CREATE UNIQUE INDEX jobs_recurring ON jobs (kind) WHERE subject_id = 0;  -- about no subject: one row per kind

CREATE TABLE deliveries (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    environment    text NOT NULL,
    tenant_id      bigint NOT NULL,
    destination_id bigint NOT NULL REFERENCES destinations,
    fact_id        bigint NOT NULL,
    door           text NOT NULL,       -- whose retry policy holds
    subject        text NOT NULL,
    subject_id     bigint NOT NULL,
    event_id       text NOT NULL,       -- as the receiver reads it; the same in every attempt
    kind           text NOT NULL,
    body           bytea NOT NULL,      -- finished: what is sent again is the same bytes
    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts       integer NOT NULL DEFAULT 0,
    resent_after   integer NOT NULL DEFAULT 0,  -- attempts before it was last sent again by hand: the policy starts there
    next_at        timestamptz,         -- NULL when not pending
    created_at     timestamptz NOT NULL,
    UNIQUE (fact_id, destination_id)
);
-- First attempts go in order of id and are due at once; retries go by their time.
CREATE INDEX deliveries_first ON deliveries (destination_id, id) WHERE state = 'pending' AND attempts = 0;
CREATE INDEX deliveries_again ON deliveries (destination_id, next_at) WHERE state = 'pending' AND attempts > 0;
CREATE INDEX deliveries_by_age ON deliveries (created_at);

CREATE TABLE delivery_attempts (
    delivery_id   bigint NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number        integer NOT NULL,
    at            timestamptz NOT NULL,
    milliseconds  integer NOT NULL,
    status        integer,              -- NULL: no answer came
    error         text,
    answer_length integer,
    answer_start  text,                 -- up to 2 kB, only from a public target
    PRIMARY KEY (delivery_id, number)
);

CREATE TABLE messages (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   bigint NOT NULL,
    environment text NOT NULL,
    channel     text NOT NULL CHECK (channel IN ('sms', 'mail')),
    recipient   text NOT NULL,
    text        text NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX messages_of_tenant ON messages (tenant_id, environment, recipient, id DESC);
CREATE INDEX messages_by_age ON messages (created_at);
