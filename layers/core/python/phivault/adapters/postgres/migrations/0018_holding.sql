-- Lists of what some patients own, without what the caller may see nothing of: else a page that ends early, or a next
-- link, would count it. Of each subject two sets of codes of data classes are given, those that the caller may search by
-- and those that they may read; a row is met where its envelope's header lists one of both. The header is read as it
-- stands (0012): who opens a row finds out whether it was altered.

CREATE FUNCTION app.holds(envelope bytea, codes bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
  -- What is no envelope is left for the reader to refuse.
  SELECT octet_length(envelope) <= 42 OR EXISTS (
    SELECT FROM generate_series(1, octet_length(codes)) AS c (place)
    WHERE position(substring(codes FROM c.place FOR 1) IN h.listed) > 0)
  FROM (SELECT substring(envelope FROM 39 FOR 2) AS count) AS n
  CROSS JOIN LATERAL (
    SELECT CASE WHEN octet_length(n.count) = 2
      THEN substring(envelope FROM 43 FOR 256 * get_byte(n.count, 0) + get_byte(n.count, 1)) END AS listed) AS h;
$$;
GRANT EXECUTE ON FUNCTION app.holds TO phivault_app;

-- As app.search_among (0007), which stays for the release before.
CREATE FUNCTION app.search_among_holding(
  context text, of_type text, of_subjects text[], finds bytea[], shows bytea[], among text[], after_id text,
  at_most bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    SELECT met.*
    FROM unnest(of_subjects, finds, shows) WITH ORDINALITY AS s (subject, finds, shows, place)
    CROSS JOIN LATERAL (
      SELECT r.* FROM phi.resources AS r
      WHERE r.subject = s.subject AND r.type = of_type
        AND r.id > CASE WHEN s.place = 1 THEN after_id ELSE '' END
        AND (among IS NULL OR r.id = ANY (among)) AND r.envelope IS NOT NULL
        AND app.holds(r.envelope, s.finds) AND app.holds(r.envelope, s.shows)
      ORDER BY r.id LIMIT at_most) AS met
    ORDER BY s.place, met.id LIMIT at_most;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.search_among_holding TO phivault_app;

-- The same by when versions were written and id, or by id alone, as app.recent (0009) without tokens.
CREATE FUNCTION app.recent_holding(
  context text, of_type text, by_time boolean, backwards boolean, of_subjects text[], finds bytea[], shows bytea[],
  among text[], since timestamptz, until timestamptz, after_at timestamptz, after_id text, at_most bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  way text := CASE WHEN backwards THEN 'DESC' ELSE 'ASC' END;
  beyond text := CASE WHEN backwards THEN '<' ELSE '>' END;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  -- Put together of fixed pieces, so that each order has a plan of its own; every value is a parameter.
  RETURN QUERY EXECUTE
    'SELECT r.* FROM phi.resources AS r JOIN unnest($2, $3, $4) AS s (subject, finds, shows) ON s.subject = r.subject'
    || ' WHERE r.type = $1 AND r.subject = ANY ($2) AND r.envelope IS NOT NULL'
    || ' AND ($5 IS NULL OR r.id = ANY ($5)) AND ($6 IS NULL OR r.at >= $6) AND ($7 IS NULL OR r.at < $7)'
    || CASE WHEN after_id = '' THEN '' WHEN by_time THEN ' AND (r.at, r.id) ' || beyond || ' ($8, $9)'
         ELSE ' AND r.id ' || beyond || ' $9' END
    || ' AND app.holds(r.envelope, s.finds) AND app.holds(r.envelope, s.shows)'
    || ' ORDER BY ' || CASE WHEN by_time THEN 'r.at ' || way || ', ' ELSE '' END || 'r.id ' || way || ' LIMIT $10'
    USING of_type, of_subjects, finds, shows, among, since, until, after_at, after_id, at_most;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.recent_holding TO phivault_app;
