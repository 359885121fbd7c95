-- The signed tenant context (see context.py) and the one function that believes it.

CREATE SCHEMA extensions;
CREATE EXTENSION pgcrypto WITH SCHEMA extensions;

GRANT USAGE ON SCHEMA app TO phivault_app;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- Two slots, so that at most two keys live at a time. The application role has no right here.
CREATE TABLE app.context_keys (
  slot smallint PRIMARY KEY CHECK (slot IN (1, 2)),
  key_id text NOT NULL UNIQUE CHECK (key_id ~ '^[A-Za-z0-9_-]{1,64}$'),
  key bytea NOT NULL CHECK (octet_length(key) = 32),
  installed_at timestamptz NOT NULL DEFAULT now()
);

-- The tenant of a valid context, NULL without one; anything else raises 28000. It alone may read the keys, so its
-- search_path is fixed: whoever could put a function before pg_catalog's would run with the owner's rights. Policies
-- call it as (SELECT app.tenant()), once per statement. clock_timestamp(), not now(), so that a long transaction
-- can't outlive its context; 30 s of grace for a signer whose clock runs ahead.
CREATE FUNCTION app.tenant() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  context text := nullif(current_setting('phivault.context', true), '');
  part text[] := string_to_array(context, '|');
  mac bytea;
BEGIN
  IF context IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT extensions.hmac(
      convert_to(concat_ws('|', 'phivault-context-v1', part[2], part[3], part[4], pg_backend_pid(), session_user), 'UTF8'),
      k.key, 'sha256')
    INTO mac FROM app.context_keys AS k WHERE k.key_id = part[2];
  -- Digests are compared, so that how long a comparison takes tells nothing of the MAC.
  IF mac IS NULL OR part[1] <> 'v1' OR cardinality(part) <> 5
     OR sha256(convert_to(part[5], 'UTF8')) IS DISTINCT FROM sha256(convert_to(encode(mac, 'hex'), 'UTF8')) THEN
    RAISE EXCEPTION USING ERRCODE = '28000', MESSAGE = 'the tenant context was refused';
  END IF;
  -- Parsed only now that the signer vouches for its form.
  IF part[4]::bigint - extract(epoch FROM clock_timestamp()) NOT BETWEEN 0 AND 90 THEN
    RAISE EXCEPTION USING ERRCODE = '28000', MESSAGE = 'the tenant context has expired';
  END IF;
  RETURN part[3];
END
$$;
GRANT EXECUTE ON FUNCTION app.tenant() TO phivault_app;
