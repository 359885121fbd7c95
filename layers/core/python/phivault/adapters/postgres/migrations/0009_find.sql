-- The read half of the search index: what has all of some tokens, and lists in an order other than that of ids.
--
-- Tokens come as one array with the number of each one's group beside it, from 0: a resource is found that has, of every
-- group, one token at least. Group 0 leads, by the primary key of phi.search_tokens; the others are looked up for what
-- it finds. No page is behind ``room`` bytes of envelopes, whatever the limit: its first row comes whatever its size.

-- Ordered by patient and id, behind a place. ``patients`` (in order, from the place's on) or all. The patient is what the
-- row of the index says: good for the order, proven by nothing.
CREATE FUNCTION app.find(
  context text, of_type text, tokens bytea[], groups bigint[], patients text[], among text[],
  since timestamptz, until timestamptz, after_patient text, after_id text, at_most bigint, room bigint)
RETURNS TABLE (type text, id text, version bigint, subject text, at timestamptz, envelope bytea, patient text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  head bytea[] := ARRAY(SELECT w.token FROM unnest(tokens, groups) AS w (token, number) WHERE w.number = 0);
  others bigint := (SELECT count(DISTINCT g.number) FROM unnest(groups) AS g (number) WHERE g.number > 0);
  alone boolean := others = 0;
  found_patients text[];
  found_ids text[];
BEGIN
  PERFORM set_config('phivault.context', context, true);
  -- A query per index. Each token is one look into it, in its order, no longer than a page. OFFSET 0 keeps the tokens of
  -- one resource a look of their own: what has a common token is never read whole.
  IF patients IS NULL THEN
    SELECT array_agg(f.patient), array_agg(f.id) INTO found_patients, found_ids FROM (
      SELECT DISTINCT t.patient, t.id
      FROM unnest(head) AS w (token)
      CROSS JOIN LATERAL (
        SELECT s.patient, s.id FROM phi.search_tokens AS s
        JOIN phi.resources AS r ON r.type = of_type AND r.id = s.id
        WHERE s.token = w.token AND (s.patient, s.id) > (after_patient, after_id) AND s.type = of_type
          AND (among IS NULL OR s.id = ANY (among)) AND r.envelope IS NOT NULL
          AND (since IS NULL OR r.at >= since) AND (until IS NULL OR r.at < until)
          AND (alone OR others = (
            SELECT count(DISTINCT w.number)
            FROM (SELECT e.token FROM phi.search_tokens AS e WHERE e.type = of_type AND e.id = s.id OFFSET 0) AS o
            JOIN unnest(tokens, groups) AS w (token, number) ON w.token = o.token
            WHERE w.number > 0))
        ORDER BY s.patient, s.id LIMIT at_most) AS t
      ORDER BY t.patient, t.id LIMIT at_most) AS f;
  ELSE
    SELECT array_agg(f.patient), array_agg(f.id) INTO found_patients, found_ids FROM (
      SELECT DISTINCT t.patient, t.id
      FROM unnest(patients) AS p (patient)
      CROSS JOIN unnest(head) AS w (token)
      CROSS JOIN LATERAL (
        SELECT s.patient, s.id FROM phi.search_tokens AS s
        JOIN phi.resources AS r ON r.type = of_type AND r.id = s.id
        WHERE s.token = w.token AND s.patient = p.patient AND s.type = of_type
          AND s.id > CASE WHEN p.patient = after_patient THEN after_id ELSE '' END
          AND (among IS NULL OR s.id = ANY (among)) AND r.envelope IS NOT NULL
          AND (since IS NULL OR r.at >= since) AND (until IS NULL OR r.at < until)
          AND (alone OR others = (
            SELECT count(DISTINCT w.number)
            FROM (SELECT e.token FROM phi.search_tokens AS e WHERE e.type = of_type AND e.id = s.id OFFSET 0) AS o
            JOIN unnest(tokens, groups) AS w (token, number) ON w.token = o.token
            WHERE w.number > 0))
        ORDER BY s.id LIMIT at_most) AS t
      ORDER BY t.patient, t.id LIMIT at_most) AS f;
  END IF;
  RETURN QUERY
    SELECT b.type, b.id, b.version, b.subject, b.at, b.envelope, b.patient
    FROM (
      SELECT r.*, f.patient, f.place,
        sum(octet_length(r.envelope)) OVER (ORDER BY f.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS behind
      FROM unnest(found_patients, found_ids) WITH ORDINALITY AS f (patient, id, place)
      JOIN phi.resources AS r ON r.type = of_type AND r.id = f.id
      WHERE r.envelope IS NOT NULL) AS b
    WHERE coalesce(b.behind, 0) < room
    ORDER BY b.place;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- Ordered by time and id, or by id alone, forwards or backwards, behind a place. ``subjects`` or all. With tokens, what
-- at most 1,000 resources have is looked up first and then put in order; what more have is met on the way.
CREATE FUNCTION app.recent(
  context text, of_type text, by_time boolean, backwards boolean, tokens bytea[], groups bigint[], subjects text[],
  among text[], since timestamptz, until timestamptz, after_at timestamptz, after_id text, at_most bigint, room bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  head bytea[] := ARRAY(SELECT w.token FROM unnest(tokens, groups) AS w (token, number) WHERE w.number = 0);
  way text := CASE WHEN backwards THEN 'DESC' ELSE 'ASC' END;
  beyond text := CASE WHEN backwards THEN '<' ELSE '>' END;
  number_of bigint := (SELECT count(DISTINCT g.number) FROM unnest(groups) AS g (number));
  chosen text[];
BEGIN
  PERFORM set_config('phivault.context', context, true);
  IF number_of > 0 THEN
    SELECT array_agg(c.id) INTO chosen FROM (
      SELECT DISTINCT t.id
      FROM unnest(head) AS w (token)
      CROSS JOIN LATERAL (
        SELECT s.id FROM phi.search_tokens AS s
        WHERE s.token = w.token AND s.type = of_type AND (among IS NULL OR s.id = ANY (among)) LIMIT 1001) AS t
      LIMIT 1001) AS c;
    IF coalesce(cardinality(chosen), 0) <= 1000 THEN
      among := coalesce(chosen, '{}');
    END IF;
  END IF;
  -- A walk along the order of an index ends with the page. The planner, which expects few to have the tokens, would put
  -- everything in order first.
  IF number_of > 0 AND subjects IS NULL AND among IS NULL THEN
    PERFORM set_config('enable_sort', 'off', true);
  END IF;
  -- Put together of fixed pieces, so that each way to ask has a plan of its own; every value is a parameter.
  RETURN QUERY EXECUTE
    'SELECT b.tenant_id, b.type, b.id, b.version, b.subject, b.at, b.envelope FROM ('
    || ' SELECT f.*, row_number() OVER () AS place,'
    || ' sum(octet_length(f.envelope)) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS behind FROM ('
    || ' SELECT r.* FROM (SELECT r.* FROM phi.resources AS r WHERE r.type = $1 AND r.envelope IS NOT NULL'
    || CASE WHEN subjects IS NULL THEN '' ELSE ' AND r.subject = ANY ($2)' END
    || CASE WHEN among IS NULL THEN '' ELSE ' AND r.id = ANY ($3)' END
    || CASE WHEN since IS NULL THEN '' ELSE ' AND r.at >= $4' END
    || CASE WHEN until IS NULL THEN '' ELSE ' AND r.at < $5' END
    || CASE WHEN after_id = '' THEN '' WHEN by_time THEN ' AND (r.at, r.id) ' || beyond || ' ($6, $7)'
         ELSE ' AND r.id ' || beyond || ' $7' END
    || ' ORDER BY ' || CASE WHEN by_time THEN 'r.at ' || way || ', ' ELSE '' END || 'r.id ' || way
    || ' OFFSET 0) AS r'
    || CASE WHEN number_of = 0 THEN '' ELSE ' WHERE $12 = ('
         || 'SELECT count(DISTINCT w.number)'
         || ' FROM (SELECT e.token FROM phi.search_tokens AS e WHERE e.type = $1 AND e.id = r.id OFFSET 0) AS o'
         || ' JOIN unnest($8, $9) AS w (token, number) ON w.token = o.token)' END
    || ' LIMIT $10) AS f) AS b WHERE coalesce(b.behind, 0) < $11 ORDER BY b.place'
    USING of_type, subjects, among, since, until, after_at, after_id, tokens, groups, at_most, room, number_of;
  PERFORM set_config('enable_sort', 'on', true);
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION app.find, app.recent TO phivault_app;
