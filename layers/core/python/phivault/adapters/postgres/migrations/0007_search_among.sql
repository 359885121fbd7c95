-- A search among a few subjects, ordered by subject and then by id; of the first subject what comes after an id. Each
-- subject is one short look into the index, however many resources the tenant has.

CREATE FUNCTION app.search_among(
  context text, of_type text, of_subjects text[], among text[], after_id text, at_most bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    SELECT found.*
    FROM unnest(of_subjects) WITH ORDINALITY AS s (subject, place)
    CROSS JOIN LATERAL (
      SELECT r.* FROM phi.resources AS r
      WHERE r.subject = s.subject AND r.type = of_type
        AND r.id > CASE WHEN s.place = 1 THEN after_id ELSE '' END
        AND (among IS NULL OR r.id = ANY (among)) AND r.envelope IS NOT NULL
      ORDER BY r.id LIMIT at_most) AS found
    ORDER BY s.place, found.id LIMIT at_most;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.search_among TO phivault_app;
