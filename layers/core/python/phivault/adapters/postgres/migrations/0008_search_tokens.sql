-- The search index: what finds sealed resources (docs/search-index.md). A token is 8 bytes of a MAC under the tenant's
-- key; equal values of one type and field have equal tokens, and nothing else can be told without the key.

-- The forms are those of phi.resources. They are checked by length and by a sign that mustn't be there, as a counted
-- repetition ({1,64}) costs twenty times as much, and there are ten rows for one of phi.resources.
CREATE TABLE phi.search_tokens (
  tenant_id text COLLATE "C" NOT NULL CHECK (octet_length(tenant_id) BETWEEN 1 AND 64 AND tenant_id !~ '[^A-Za-z0-9._-]'),
  token bytea NOT NULL CHECK (octet_length(token) = 8),
  patient text COLLATE "C" NOT NULL CHECK (octet_length(patient) <= 64 AND patient !~ '[^A-Za-z0-9.-]'),
  type text COLLATE "C" NOT NULL CHECK (octet_length(type) BETWEEN 1 AND 64 AND type !~ '[^A-Za-z]'),
  id text COLLATE "C" NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 64 AND id !~ '[^A-Za-z0-9.-]'),
  -- In the order of a search's pages: what has a token, by patient ('' where it is about nobody) and id.
  PRIMARY KEY (tenant_id, token, patient, id)
);
-- To replace those of a resource.
CREATE INDEX search_tokens_by_resource ON phi.search_tokens (tenant_id, type, id);

ALTER TABLE phi.search_tokens ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON phi.search_tokens
  USING (tenant_id = (SELECT app.tenant())) WITH CHECK (tenant_id = (SELECT app.tenant()));
GRANT SELECT, INSERT, DELETE ON phi.search_tokens TO phivault_app;

-- Give these resources (each once) these tokens and no others: token number i is that of resource token_of[i], counted
-- from 1. For functions that have set the context; ``of_tenant`` is what app.tenant() said.
CREATE FUNCTION app.replace_tokens(
  of_tenant text, types text[], ids text[], patients text[], token_of bigint[], tokens bytea[]
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
  DELETE FROM phi.search_tokens AS s USING unnest(types, ids) AS w (type, id)
  WHERE s.tenant_id = of_tenant AND s.type = w.type AND s.id = w.id;
  -- In the order of the index, so that what lies beside each other is written at once.
  INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id)
  SELECT of_tenant, t.token, patients[t.number], types[t.number], ids[t.number]
  FROM unnest(token_of, tokens) AS t (number, token)
  ORDER BY t.token
  ON CONFLICT DO NOTHING;
$$;
GRANT EXECUTE ON FUNCTION app.replace_tokens TO phivault_app;

-- Whether a resource of the type, other than the known ones, has of each group one token at least. For the same.
CREATE FUNCTION app.is_there(of_tenant text, of_type text, groups jsonb, known jsonb) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM jsonb_array_elements_text(groups -> 0) AS f (token)
    JOIN phi.search_tokens AS s ON s.tenant_id = of_tenant AND s.token = decode(f.token, 'hex')
    WHERE s.type = of_type AND NOT known ? s.id AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(groups) AS g (wanted)
      WHERE NOT EXISTS (
        SELECT FROM jsonb_array_elements_text(g.wanted) AS w (token)
        JOIN phi.search_tokens AS o ON o.tenant_id = of_tenant AND o.token = decode(w.token, 'hex')
          AND o.patient = s.patient AND o.id = s.id AND o.type = of_type)));
$$;
GRANT EXECUTE ON FUNCTION app.is_there TO phivault_app;

-- As app.commit (0004), which it calls and which stays for the release before; and with it, all of it or nothing:
--   the tokens of every resource that is written replace its old ones; a deletion leaves none. Where one resource is
--   written twice, the last of its versions counts: ``indexed_types`` and so on name each once.
--   PV005 there is what must be absent: a resource of the type, other than the known ones, that has of each group one
--   token at least. ``absent`` is a list of {"type", "groups": lists of hexadecimal tokens, "known": ids} or NULL.
-- What this commit itself writes isn't looked at. Commits with conditions on one type take turns from here to their end,
-- so that each sees what the one before it wrote; those without don't wait.
CREATE FUNCTION app.commit_indexed(
  context text,
  types text[], ids text[], versions bigint[], subjects text[], ats timestamptz[], envelopes bytea[],
  reference_types text[], reference_ids text[],
  by_principal text, by_key_hash bytea, by_request_hash bytea, by_made jsonb, by_attempt bytea,
  indexed_types text[], indexed_ids text[], indexed_patients text[], token_of bigint[], tokens bytea[], absent jsonb
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
  tenant text;
  condition record;
BEGIN
  PERFORM app.commit(context, types, ids, versions, subjects, ats, envelopes, reference_types, reference_ids,
    by_principal, by_key_hash, by_request_hash, by_made, by_attempt);
  PERFORM set_config('phivault.context', context, true);
  tenant := app.tenant();

  FOR condition IN
    SELECT DISTINCT a.type FROM jsonb_to_recordset(absent) AS a (type text) ORDER BY a.type
  LOOP
    PERFORM pg_advisory_xact_lock(hashtextextended('phivault-absent/' || tenant || '/' || condition.type, 0));
  END LOOP;
  FOR condition IN
    SELECT a.type, a.groups, a.known FROM jsonb_to_recordset(absent) AS a (type text, groups jsonb, known jsonb)
  LOOP
    IF app.is_there(tenant, condition.type, condition.groups, condition.known) THEN
      RAISE EXCEPTION USING ERRCODE = 'PV005', MESSAGE = condition.type;
    END IF;
  END LOOP;

  PERFORM app.replace_tokens(tenant, indexed_types, indexed_ids, indexed_patients, token_of, tokens);
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.commit_indexed TO phivault_app;

-- Take everything that a subject owns out of the index, once their key is destroyed: tokens are made under the tenant's
-- key, and would outlive it. How many tokens went.
CREATE FUNCTION app.forget_tokens(context text, of_subject text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
  gone bigint;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  DELETE FROM phi.search_tokens AS s USING phi.resources AS r
  WHERE r.subject = of_subject AND r.envelope IS NOT NULL AND s.type = r.type AND s.id = r.id;
  GET DIAGNOSTICS gone = ROW_COUNT;
  PERFORM set_config('phivault.context', '', true);
  RETURN gone;
END
$$;
GRANT EXECUTE ON FUNCTION app.forget_tokens TO phivault_app;
