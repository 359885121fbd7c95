-- Sealed resources. Every key leads with tenant_id: another tenant's rows are neither found nor collided with.
-- Text is compared by code point ("C"), so that pages are ordered alike everywhere.

CREATE SCHEMA phi;
GRANT USAGE ON SCHEMA phi TO phivault_app;

-- The newest version of each resource; envelope is NULL where that is a deletion.
CREATE TABLE phi.resources (
  tenant_id text COLLATE "C" NOT NULL CHECK (tenant_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  type text COLLATE "C" NOT NULL CHECK (type ~ '^[A-Z][A-Za-z]{0,63}$'),
  id text COLLATE "C" NOT NULL CHECK (id ~ '^[A-Za-z0-9.-]{1,64}$'),
  version bigint NOT NULL CHECK (version >= 1),
  subject text COLLATE "C" NOT NULL CHECK (subject ~ '^(Tenant|(Patient|RelatedPerson|User)/[A-Za-z0-9._-]{1,128})$'),
  at timestamptz NOT NULL,
  envelope bytea CHECK (octet_length(envelope) BETWEEN 1 AND 8388608),
  PRIMARY KEY (tenant_id, type, id)
);
CREATE INDEX resources_by_subject ON phi.resources (tenant_id, subject, type, id) WHERE envelope IS NOT NULL;

-- The versions before it. Constraints were checked when each was the newest.
CREATE TABLE phi.history (
  tenant_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  subject text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  envelope bytea,
  PRIMARY KEY (tenant_id, type, id, version)
);

-- Ciphertext doesn't compress.
ALTER TABLE phi.resources ALTER COLUMN envelope SET STORAGE EXTERNAL;
ALTER TABLE phi.history ALTER COLUMN envelope SET STORAGE EXTERNAL;

-- What an Idempotency-Key (hashed: callers may put anything into it) led to. ``attempt`` marks the commit that wrote
-- the row, so that whoever lost its connection can tell its own commit from another's.
CREATE TABLE app.idempotency (
  tenant_id text COLLATE "C" NOT NULL,
  principal text COLLATE "C" NOT NULL CHECK (principal ~ '^[A-Za-z0-9._-]{1,128}$'),
  key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
  request_hash bytea NOT NULL CHECK (octet_length(request_hash) BETWEEN 16 AND 64),
  made jsonb NOT NULL,
  attempt bytea NOT NULL CHECK (octet_length(attempt) = 16),
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, principal, key_hash)
);

ALTER TABLE phi.resources ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE phi.history ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE app.idempotency ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON phi.resources
  USING (tenant_id = (SELECT app.tenant())) WITH CHECK (tenant_id = (SELECT app.tenant()));
CREATE POLICY tenant ON phi.history
  USING (tenant_id = (SELECT app.tenant())) WITH CHECK (tenant_id = (SELECT app.tenant()));
CREATE POLICY tenant ON app.idempotency
  USING (tenant_id = (SELECT app.tenant())) WITH CHECK (tenant_id = (SELECT app.tenant()));

-- A resource changes tenant, type, id or subject never; history and idempotency rows don't change at all.
GRANT SELECT, INSERT, UPDATE (version, at, envelope) ON phi.resources TO phivault_app;
GRANT SELECT, INSERT ON phi.history TO phivault_app;
GRANT SELECT, INSERT ON app.idempotency TO phivault_app;
