-- Reads. Each function takes the signed context, so that a call is one round trip and one implicit transaction, and
-- drops it again, so that nothing later in the transaction has it. Each runs with its caller's rights under row-level
-- security, which adds the tenant to every query below.

CREATE FUNCTION app.read(context text, of_type text, of_id text)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY SELECT r.* FROM phi.resources AS r WHERE r.type = of_type AND r.id = of_id;
  PERFORM set_config('phivault.context', '', true);
END
$$;

CREATE FUNCTION app.read_version(context text, of_type text, of_id text, of_version bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  -- One statement, one snapshot: a version is in one of the two tables, whatever commits meanwhile.
  RETURN QUERY
    SELECT r.* FROM phi.resources AS r WHERE r.type = of_type AND r.id = of_id AND r.version = of_version
    UNION ALL
    SELECT h.* FROM phi.history AS h WHERE h.type = of_type AND h.id = of_id AND h.version = of_version;
  PERFORM set_config('phivault.context', '', true);
END
$$;

CREATE FUNCTION app.search(context text, of_type text, of_subject text, among text[], after_id text, at_most bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  -- A query per index: one plan for all would have to do for the worst of them.
  IF among IS NOT NULL THEN
    RETURN QUERY
      SELECT r.* FROM phi.resources AS r
      WHERE r.type = of_type AND r.id = ANY (among) AND r.id > after_id AND r.envelope IS NOT NULL
        AND (of_subject IS NULL OR r.subject = of_subject)
      ORDER BY r.id LIMIT at_most;
  ELSIF of_subject IS NOT NULL THEN
    RETURN QUERY
      SELECT r.* FROM phi.resources AS r
      WHERE r.subject = of_subject AND r.type = of_type AND r.id > after_id AND r.envelope IS NOT NULL
      ORDER BY r.id LIMIT at_most;
  ELSE
    RETURN QUERY
      SELECT r.* FROM phi.resources AS r
      WHERE r.type = of_type AND r.id > after_id AND r.envelope IS NOT NULL
      ORDER BY r.id LIMIT at_most;
  END IF;
  PERFORM set_config('phivault.context', '', true);
END
$$;

CREATE FUNCTION app.find_idempotent(context text, of_principal text, of_key_hash bytea)
RETURNS SETOF app.idempotency
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY SELECT i.* FROM app.idempotency AS i WHERE i.principal = of_principal AND i.key_hash = of_key_hash;
  PERFORM set_config('phivault.context', '', true);
END
$$;

GRANT EXECUTE ON FUNCTION app.read, app.read_version, app.search, app.find_idempotent TO phivault_app;
