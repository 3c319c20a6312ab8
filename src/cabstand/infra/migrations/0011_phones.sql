-- Phone numbers are kept as they were written, and compared by what they mean.

-- One rider per number of a tenant, however it is written.
ALTER TABLE riders ADD COLUMN number text;  -- E.164; NULL: the phone is written so already, or cannot be read
ALTER TABLE riders DROP CONSTRAINT riders_tenant_id_environment_phone_key;
CREATE UNIQUE INDEX riders_by_number ON riders (tenant_id, environment, coalesce(number, phone));

-- Offers by phone number look for the digits of a number (0010).
DROP INDEX drivers_by_phone;
