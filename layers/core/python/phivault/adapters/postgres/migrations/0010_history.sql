-- Many versions at a time: those of one resource, and the newest of everything that there is about one patient. Both end
-- a page where the envelopes before a row have a number of bytes, so that no answer of the database is ever larger than
-- that and one envelope. (octet_length of what is stored out of line is told without fetching it.)

CREATE FUNCTION app.history(
  context text, of_type text, of_id text, before_version bigint, since timestamptz, at_most bigint, at_most_bytes bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  -- One statement, one snapshot: a version is in one of the two tables, whatever commits meanwhile.
  RETURN QUERY
    SELECT f.tenant_id, f.type, f.id, f.version, f.subject, f.at, f.envelope
    FROM (
      SELECT v.*, coalesce(sum(octet_length(v.envelope)) OVER (
        ORDER BY v.version DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
      FROM (
        SELECT r.* FROM phi.resources AS r
        WHERE r.type = of_type AND r.id = of_id AND r.version < before_version AND (since IS NULL OR r.at >= since)
        UNION ALL
        (SELECT h.* FROM phi.history AS h
         WHERE h.type = of_type AND h.id = of_id AND h.version < before_version AND (since IS NULL OR h.at >= since)
         ORDER BY h.version DESC LIMIT at_most)
        ORDER BY version DESC LIMIT at_most) AS v) AS f
    WHERE f.bytes_before < at_most_bytes
    ORDER BY f.version DESC;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- By type and then by id, after a place. A RelatedPerson is a subject of its own: those of the patient are found by their
-- tokens, and each is looked at again once it is open.
CREATE FUNCTION app.of_patient(
  context text, of_patient text, of_types text[], relatives bytea[], after_type text, after_id text, since timestamptz,
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
        ORDER BY v.type, v.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
      FROM (
        (SELECT r.* FROM phi.resources AS r
         WHERE r.subject = 'Patient/' || of_patient AND r.type = ANY (of_types)
           AND (r.type, r.id) > (after_type COLLATE "C", after_id COLLATE "C")
           AND r.envelope IS NOT NULL AND (since IS NULL OR r.at >= since)
         ORDER BY r.type, r.id LIMIT at_most)
        UNION ALL
        (SELECT r.* FROM phi.resources AS r
         WHERE r.type = 'RelatedPerson' AND 'RelatedPerson' = ANY (of_types)
           AND r.id IN (SELECT t.id FROM phi.search_tokens AS t
                        WHERE t.token = ANY (relatives) AND t.patient = of_patient AND t.type = 'RelatedPerson')
           AND (r.type, r.id) > (after_type COLLATE "C", after_id COLLATE "C")
           AND r.envelope IS NOT NULL AND (since IS NULL OR r.at >= since)
         ORDER BY r.type, r.id LIMIT at_most)
        ORDER BY type, id LIMIT at_most) AS v) AS f
    WHERE f.bytes_before < at_most_bytes
    ORDER BY f.type, f.id;
  PERFORM set_config('phivault.context', '', true);
END
$$;

GRANT EXECUTE ON FUNCTION app.history, app.of_patient TO phivault_app;
