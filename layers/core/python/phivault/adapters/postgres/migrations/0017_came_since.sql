-- What must be absent: of what meets a condition, what came since the writer looked. Whoever looks sees a part of what is
-- there; what they don't see stands in no list of theirs, takes them no time and is no conflict.

-- Whether a resource of the type that has, of each group, one token at least was written by a transaction that a snapshot
-- doesn't see. For app.commit_indexed. Rows are compared by their transaction, of which they have 32 bits: those of one that
-- the snapshot of this look may see, or of this one. Of the first group's tokens no more than 10,000 rows are looked at: what more resources have tells
-- nothing apart, and whoever asks by it holds up others.
CREATE OR REPLACE FUNCTION app.came_since(of_tenant text, of_type text, groups jsonb, since pg_snapshot) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM (
      SELECT s.patient, s.id, s.xmin::text::bigint AS low,
        greatest(pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_current_xact_id()::text::bigint) AS last
      FROM jsonb_array_elements_text(groups -> 0) AS f (token)
      JOIN phi.search_tokens AS s ON s.tenant_id = of_tenant AND s.token = decode(f.token, 'hex')
      WHERE s.type = of_type LIMIT 10000) AS s
    CROSS JOIN LATERAL (
      SELECT s.last - s.last % 4294967296 + s.low - CASE WHEN s.low > s.last % 4294967296 THEN 4294967296 ELSE 0 END
    ) AS w (written)
    WHERE NOT pg_visible_in_snapshot(greatest(w.written, 0)::text::xid8, since) AND NOT EXISTS (
      SELECT FROM jsonb_array_elements(groups) AS g (wanted)
      WHERE NOT EXISTS (
        SELECT FROM jsonb_array_elements_text(g.wanted) AS t (token)
        JOIN phi.search_tokens AS o ON o.tenant_id = of_tenant AND o.token = decode(t.token, 'hex')
          AND o.patient = s.patient AND o.id = s.id AND o.type = of_type)));
$$;
GRANT EXECUTE ON FUNCTION app.came_since TO phivault_app;

-- As before (0008), and ``absent`` may have "since", a snapshot as pg_current_snapshot() gave it to the writer, in place of
-- "known": then what it sees doesn't count. The release before sends "known".
CREATE OR REPLACE FUNCTION app.commit_indexed(
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
    SELECT a.type, a.groups, a.known, a.since
    FROM jsonb_to_recordset(absent) AS a (type text, groups jsonb, known jsonb, since text)
  LOOP
    IF condition.since IS NULL AND app.is_there(tenant, condition.type, condition.groups, coalesce(condition.known, '[]'))
      OR condition.since IS NOT NULL
        AND app.came_since(tenant, condition.type, condition.groups, condition.since::pg_snapshot)
    THEN
      RAISE EXCEPTION USING ERRCODE = 'PV005', MESSAGE = condition.type;
    END IF;
  END LOOP;

  PERFORM app.replace_tokens(tenant, indexed_types, indexed_ids, indexed_patients, token_of, tokens);
  PERFORM set_config('phivault.context', '', true);
END
$$;
