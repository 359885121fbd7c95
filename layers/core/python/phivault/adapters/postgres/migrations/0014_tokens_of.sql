-- How many tokens the index has of what a subject owns: none once it was forgotten (app.forget_tokens, 0008).

CREATE FUNCTION app.tokens_of(context text, of_subject text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found bigint;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  SELECT count(*) INTO found FROM phi.resources AS r
  JOIN phi.search_tokens AS s ON s.type = r.type AND s.id = r.id
  WHERE r.subject = of_subject AND r.envelope IS NOT NULL;
  PERFORM set_config('phivault.context', '', true);
  RETURN found;
END
$$;
GRANT EXECUTE ON FUNCTION app.tokens_of TO phivault_app;
