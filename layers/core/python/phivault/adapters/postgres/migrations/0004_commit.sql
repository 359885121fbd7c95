-- A whole commit in one call: all of it or nothing. Errors carry their meaning in the SQLSTATE and no more than a
-- resource's type and id in the message:
--   PV001 a version isn't one above the newest     PV002 the subject differs from the newest version's
--   PV003 a reference to what isn't there          PV004 the idempotency key is taken

CREATE FUNCTION app.commit(
  context text,
  types text[], ids text[], versions bigint[], subjects text[], ats timestamptz[], envelopes bytea[],
  reference_types text[], reference_ids text[],
  by_principal text, by_key_hash bytea, by_request_hash bytea, by_made jsonb, by_attempt bytea
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
  tenant text;
  target record;
  item record;
  newest record;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  tenant := app.tenant();

  IF by_key_hash IS NOT NULL THEN
    INSERT INTO app.idempotency (tenant_id, principal, key_hash, request_hash, made, attempt)
    VALUES (tenant, by_principal, by_key_hash, by_request_hash, by_made, by_attempt)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'PV004', MESSAGE = 'idempotency key';
    END IF;
  END IF;

  -- Every commit locks its rows in one order, so that no two wait for each other. FOR SHARE keeps what is referred to
  -- from being deleted (an UPDATE here, which FOR KEY SHARE would let through) without queueing those who refer to it.
  FOR target IN
    SELECT t.type, t.id, bool_or(t.written) AS written
    FROM (SELECT w.type, w.id, true AS written FROM unnest(types, ids) AS w (type, id)
          UNION ALL
          SELECT r.type, r.id, false FROM unnest(reference_types, reference_ids) AS r (type, id)) AS t
    GROUP BY t.type, t.id ORDER BY t.type COLLATE "C", t.id COLLATE "C"
  LOOP
    IF target.written THEN
      PERFORM FROM phi.resources AS r WHERE r.type = target.type AND r.id = target.id FOR NO KEY UPDATE;
    ELSE
      PERFORM FROM phi.resources AS r WHERE r.type = target.type AND r.id = target.id FOR SHARE;
    END IF;
  END LOOP;

  FOR item IN
    SELECT w.* FROM unnest(types, ids, versions, subjects, ats, envelopes)
      AS w (type, id, version, subject, at, envelope)
    ORDER BY w.type COLLATE "C", w.id COLLATE "C", w.version
  LOOP
    SELECT r.version, r.subject INTO newest FROM phi.resources AS r WHERE r.type = item.type AND r.id = item.id;
    IF item.version <> coalesce(newest.version, 0) + 1 THEN
      RAISE EXCEPTION USING ERRCODE = 'PV001', MESSAGE = item.type || '/' || item.id;
    ELSIF newest.version IS NULL THEN
      INSERT INTO phi.resources (tenant_id, type, id, version, subject, at, envelope)
      VALUES (tenant, item.type, item.id, item.version, item.subject, item.at, item.envelope)
      ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'PV001', MESSAGE = item.type || '/' || item.id;
      END IF;
    ELSIF newest.subject <> item.subject THEN
      RAISE EXCEPTION USING ERRCODE = 'PV002', MESSAGE = item.type || '/' || item.id;
    ELSE
      INSERT INTO phi.history SELECT r.* FROM phi.resources AS r WHERE r.type = item.type AND r.id = item.id;
      UPDATE phi.resources AS r SET version = item.version, at = item.at, envelope = item.envelope
      WHERE r.type = item.type AND r.id = item.id;
    END IF;
  END LOOP;

  -- After the writes, so that these count: what they made is there, what they deleted isn't.
  FOR target IN
    SELECT t.type, t.id FROM unnest(reference_types, reference_ids) AS t (type, id)
    WHERE NOT EXISTS (
      SELECT FROM phi.resources AS r WHERE r.type = t.type AND r.id = t.id AND r.envelope IS NOT NULL)
    LIMIT 1
  LOOP
    RAISE EXCEPTION USING ERRCODE = 'PV003', MESSAGE = target.type || '/' || target.id;
  END LOOP;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.commit TO phivault_app;
