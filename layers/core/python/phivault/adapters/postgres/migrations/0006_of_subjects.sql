-- Every newest version of one type that several subjects have, deletions left out: what each patient of a page consents
-- to, in one call.

CREATE FUNCTION app.of_subjects(context text, of_type text, of_subjects text[])
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    SELECT r.* FROM phi.resources AS r
    WHERE r.subject = ANY (of_subjects) AND r.type = of_type AND r.envelope IS NOT NULL
    ORDER BY r.subject, r.id;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.of_subjects TO phivault_app;
