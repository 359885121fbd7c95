-- Whose the targets of references are. A reference is checked before anything is written, so that one to what its writer
-- may not read is refused as one to nothing. Beside the owner stand the codes of the data classes that the envelope's
-- header lists (docs/envelope-format.md: n at offset 38, n codes from 42), and nothing of what is sealed.

CREATE FUNCTION app.owners_of(context text, of_types text[], of_ids text[])
RETURNS TABLE (type text, id text, subject text, classes bytea)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    -- A slice of an external value is read without the rest of it.
    SELECT r.type, r.id, r.subject, substring(r.envelope FROM 43 FOR
      256 * get_byte(substring(r.envelope FROM 39 FOR 2), 0) + get_byte(substring(r.envelope FROM 39 FOR 2), 1))
    FROM unnest(of_types, of_ids) AS wanted (type, id)
    JOIN phi.resources AS r ON r.type = wanted.type AND r.id = wanted.id
    WHERE octet_length(r.envelope) > 42;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.owners_of TO phivault_app;
