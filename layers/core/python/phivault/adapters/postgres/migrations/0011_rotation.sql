-- Rows sealed again under a later key of their subject: who owns rows, under which keys they are, and their replacement.

-- The key version that an envelope names (docs/envelope-format.md: a byte of format, four of key version); 0 for bytes
-- that are no envelope. Five bytes are fetched of a value that is stored out of line, however long it is.
CREATE FUNCTION app.key_version(envelope bytea) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
-- Bound to what its names mean now, so that no caller's path gives them another meaning, and still put into queries.
RETURN
  CASE
    WHEN pg_catalog.octet_length(envelope) < 5 OR pg_catalog.substring(envelope, 1, 1) <> '\x01'::bytea THEN 0
    ELSE ('x' || pg_catalog.encode(pg_catalog.substring(envelope, 2, 4), 'hex'))::pg_catalog.bit(32)::bigint
  END;

-- Subjects that own a sealed row, in order, after one: a look into each of two indexes per subject, however many rows
-- each has.
CREATE FUNCTION app.subjects(context text, after_subject text, at_most bigint)
RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  place text COLLATE "C" := after_subject;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  FOR n IN 1..at_most LOOP
    SELECT least(
        (SELECT min(r.subject) FROM phi.resources AS r WHERE r.subject > place AND r.envelope IS NOT NULL),
        (SELECT min(h.subject) FROM phi.history AS h WHERE h.subject > place AND h.envelope IS NOT NULL))
      INTO place;
    EXIT WHEN place IS NULL;
    RETURN NEXT place;
  END LOOP;
  PERFORM set_config('phivault.context', '', true);
END
$$;

CREATE FUNCTION app.key_versions(context text, of_subjects text[])
RETURNS TABLE (subject text, key_version bigint, rows bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    SELECT v.subject, v.key_version, count(*)
    FROM (
      SELECT r.subject, app.key_version(r.envelope) AS key_version FROM phi.resources AS r
      WHERE r.subject = ANY (of_subjects) AND r.envelope IS NOT NULL
      UNION ALL
      SELECT h.subject, app.key_version(h.envelope) FROM phi.history AS h
      WHERE h.subject = ANY (of_subjects) AND h.envelope IS NOT NULL) AS v
    GROUP BY v.subject, v.key_version;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- Versions of one subject's resources, of now and before, under a key older than one; by type, id and version, after a
-- place. None behind a number of bytes of envelopes, so that no answer is ever larger than that and one envelope.
CREATE FUNCTION app.sealed_below(
  context text, of_subject text, below bigint, after_type text, after_id text, after_version bigint,
  at_most bigint, at_most_bytes bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    SELECT f.tenant_id, f.type, f.id, f.version, f.subject, f.at, f.envelope
    FROM (
      SELECT v.*, coalesce(sum(octet_length(v.envelope)) OVER (
        ORDER BY v.type, v.id, v.version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
      FROM (
        (SELECT r.* FROM phi.resources AS r
         WHERE r.subject = of_subject AND r.envelope IS NOT NULL
           AND (r.type, r.id) >= (after_type COLLATE "C", after_id COLLATE "C")
           AND (r.type, r.id, r.version) > (after_type COLLATE "C", after_id COLLATE "C", after_version)
           AND app.key_version(r.envelope) < below
         ORDER BY r.type, r.id LIMIT at_most)
        UNION ALL
        (SELECT h.* FROM phi.history AS h
         WHERE h.subject = of_subject AND h.envelope IS NOT NULL
           AND (h.type, h.id, h.version) > (after_type COLLATE "C", after_id COLLATE "C", after_version)
           AND app.key_version(h.envelope) < below
         ORDER BY h.type, h.id, h.version LIMIT at_most)
        ORDER BY type, id, version LIMIT at_most) AS v) AS f
    WHERE f.bytes_before < at_most_bytes
    ORDER BY f.type, f.id, f.version;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- Put envelopes in the place of others; the places (from 1) of those that were put. The application's role may not change
-- history, and this doesn't let it: it runs with the owner's rights, which row-level security binds as well, and it
--   * touches the envelope of a version alone, never whose it is, its number, its time, or that it is a deletion;
--   * replaces exactly the bytes that the caller read (their SHA-256): a version that changed meanwhile stays;
--   * replaces only by an envelope under a later key version, so that nothing that was replaced can be put back.
-- Bytes that weren't sealed for this very version open for nobody, so whoever misused this could destroy a version of
-- their own tenant, as they can the newest ones without it, and not forge one.
-- A commit moves a version from one table to the other: whoever is first, the other finds it (each statement here sees
-- what was committed before it).
CREATE FUNCTION app.reseal(
  context text, types text[], ids text[], versions bigint[], digests bytea[], envelopes bytea[], patients text[],
  token_of bigint[], tokens bytea[])
RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
  tenant text;
  item record;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  tenant := app.tenant();
  -- In the order in which commits lock rows.
  FOR item IN
    SELECT w.* FROM unnest(types, ids, versions, digests, envelopes, patients) WITH ORDINALITY
      AS w (type, id, version, digest, envelope, patient, place)
    WHERE w.envelope IS NOT NULL
    ORDER BY w.type COLLATE "C", w.id COLLATE "C", w.version
  LOOP
    UPDATE phi.resources AS r SET envelope = item.envelope
    WHERE r.tenant_id = tenant AND r.type = item.type AND r.id = item.id AND r.version = item.version
      AND sha256(r.envelope) = item.digest AND app.key_version(r.envelope) < app.key_version(item.envelope);
    IF FOUND THEN
      DELETE FROM phi.search_tokens AS t WHERE t.tenant_id = tenant AND t.type = item.type AND t.id = item.id;
      INSERT INTO phi.search_tokens (tenant_id, token, patient, type, id)
      SELECT tenant, k.token, item.patient, item.type, item.id
      FROM unnest(token_of, tokens) AS k (place, token) WHERE k.place = item.place
      ON CONFLICT DO NOTHING;
      RETURN NEXT item.place;
      CONTINUE;
    END IF;
    UPDATE phi.history AS h SET envelope = item.envelope
    WHERE h.tenant_id = tenant AND h.type = item.type AND h.id = item.id AND h.version = item.version
      AND sha256(h.envelope) = item.digest AND app.key_version(h.envelope) < app.key_version(item.envelope);
    IF FOUND THEN
      RETURN NEXT item.place;
    END IF;
  END LOOP;
  PERFORM set_config('phivault.context', '', true);
END
$$;

GRANT EXECUTE ON FUNCTION app.key_version, app.subjects, app.key_versions, app.sealed_below, app.reseal TO phivault_app;
