-- A search whose order tells nothing of ids: by the digest of a secret (of one tenant, project and type) and the id.
-- It looks through all rows of the type, or of the subject, without their envelopes.

CREATE FUNCTION app.search_shuffled(
  context text, of_type text, of_subject text, among text[], after_id text, at_most bigint, secret bytea)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  after_place bytea := CASE WHEN after_id = '' THEN '' ELSE sha256(secret || convert_to(after_id, 'UTF8')) END;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  IF of_subject IS NOT NULL THEN
    RETURN QUERY
      SELECT r.* FROM phi.resources AS r
      WHERE r.subject = of_subject AND r.type = of_type AND (among IS NULL OR r.id = ANY (among))
        AND r.envelope IS NOT NULL AND sha256(secret || convert_to(r.id, 'UTF8')) > after_place
      ORDER BY sha256(secret || convert_to(r.id, 'UTF8')) LIMIT at_most;
  ELSE
    RETURN QUERY
      SELECT r.* FROM phi.resources AS r
      WHERE r.type = of_type AND (among IS NULL OR r.id = ANY (among))
        AND r.envelope IS NOT NULL AND sha256(secret || convert_to(r.id, 'UTF8')) > after_place
      ORDER BY sha256(secret || convert_to(r.id, 'UTF8')) LIMIT at_most;
  END IF;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.search_shuffled TO phivault_app;
