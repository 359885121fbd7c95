-- Lists without what the caller may see nothing of: else a page that ends early, or a next link, would count it. Two
-- sets of codes of data classes are given, those that the caller may search by and those that they may read (of each
-- subject, or of each type of a patient's); a row is met where its envelope's header lists one of both. The header is
-- read as it stands (0012): who opens a row finds out whether it was altered.

-- The codes of data classes that an envelope's header lists; NULL for what is no envelope, which is left for the reader
-- to refuse. A slice of an external value is read without the rest of it.
CREATE FUNCTION app.listed(envelope bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN octet_length(envelope) > 42 THEN substring(envelope FROM 43 FOR
  256 * get_byte(substring(envelope FROM 39 FOR 1), 0) + get_byte(substring(envelope FROM 40 FOR 1), 0)) END;

-- Whether one of the first eight of these codes is listed. The format has six (docs/envelope-format.md); a ninth would
-- be looked for in vain, so that nothing would be met for it.
CREATE FUNCTION app.lists(listed bytea, codes bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN listed IS NULL
  OR (octet_length(codes) > 0 AND position(substring(codes FROM 1 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 1 AND position(substring(codes FROM 2 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 2 AND position(substring(codes FROM 3 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 3 AND position(substring(codes FROM 4 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 4 AND position(substring(codes FROM 5 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 5 AND position(substring(codes FROM 6 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 6 AND position(substring(codes FROM 7 FOR 1) IN listed) > 0)
  OR (octet_length(codes) > 7 AND position(substring(codes FROM 8 FOR 1) IN listed) > 0);

CREATE FUNCTION app.lists_of_both(listed bytea, finds bytea, shows bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN app.lists(listed, finds) AND (finds = shows OR app.lists(listed, shows));

-- Whether a header lists a class of both sets. It reads the header once. A search path of its own would be set and
-- unset for every row, and take longer than all the rest: every name in here is given with its schema instead. It costs
-- so little that a plan shouldn't go another way for it.
CREATE FUNCTION app.holds_of_both(envelope bytea, finds bytea, shows bytea) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE COST 1
AS $$
DECLARE
  listed pg_catalog.bytea := app.listed(envelope);
BEGIN
  RETURN app.lists_of_both(listed, finds, shows);
END
$$;

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
        AND app.holds_of_both(r.envelope, s.finds, s.shows)
      ORDER BY r.id LIMIT at_most) AS met
    ORDER BY s.place, met.id LIMIT at_most;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- The same by when versions were written and id, or by id alone, as app.recent (0009) without tokens. Without a join
-- rows can be met in order: where the sets aren't the same for all subjects, a map tells which are a row's. Of many
-- subjects twice a page is looked at first, as if all were met, which it mostly is. Where that isn't enough, all that
-- they own is put in order (by an expression, so that no walk along an index, through what everybody owns, seems
-- cheaper): it takes as long as they own much, however large the table is.
CREATE FUNCTION app.recent_holding(
  context text, of_type text, by_time boolean, backwards boolean, of_subjects text[], finds bytea[], shows bytea[],
  among text[], since timestamptz, until timestamptz, after_at timestamptz, after_id text, at_most bigint)
RETURNS SETOF phi.resources
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  way text := CASE WHEN backwards THEN 'DESC' ELSE 'ASC' END;
  beyond text := CASE WHEN backwards THEN '<' ELSE '>' END;
  alike boolean := finds[1] = ALL (finds) AND shows[1] = ALL (shows);
  place text := CASE WHEN alike THEN '1' ELSE '($11 -> r.subject)::int' END;
  places jsonb;
  held text := 'app.holds_of_both(r.envelope, ($3)[' || place || '], ($4)[' || place || '])';
  body text := ' FROM phi.resources AS r WHERE r.type = $1 AND r.subject = ANY ($2) AND r.envelope IS NOT NULL'
    || CASE WHEN among IS NULL THEN '' ELSE ' AND r.id = ANY ($5)' END
    || CASE WHEN since IS NULL THEN '' ELSE ' AND r.at >= $6' END
    || CASE WHEN until IS NULL THEN '' ELSE ' AND r.at < $7' END
    || CASE WHEN after_id = '' THEN '' WHEN by_time THEN ' AND (r.at, r.id) ' || beyond || ' ($8, $9)'
         ELSE ' AND r.id ' || beyond || ' $9' END;
  sorted text := ' ORDER BY ' || CASE WHEN by_time THEN 'r.at ' || way || ', ' ELSE '' END || 'r.id ' || way;
  apart text := ' ORDER BY ' || CASE WHEN by_time THEN 'r.at + interval ''0'' ' || way || ', ' ELSE '' END
    || '(r.id || '''') COLLATE "C" ' || way;
BEGIN
  PERFORM set_config('phivault.context', context, true);
  IF NOT alike THEN
    SELECT jsonb_object_agg(s.subject, s.place) INTO places
    FROM unnest(of_subjects) WITH ORDINALITY AS s (subject, place);
  END IF;
  -- Put together of fixed pieces, so that each way to ask has a plan of its own; every value is a parameter.
  RETURN QUERY EXECUTE CASE WHEN cardinality(of_subjects) = 1 THEN
    'SELECT r.*' || body || ' AND ' || held || sorted || ' LIMIT $10'
  ELSE
    'WITH near AS MATERIALIZED (SELECT r.*' || body || sorted || ' LIMIT 2 * $10),'
    || ' met AS MATERIALIZED (SELECT r.* FROM near AS r WHERE ' || held || ' LIMIT $10),'
    || ' e AS MATERIALIZED ('
    || ' SELECT (SELECT count(*) FROM met) = $10 OR (SELECT count(*) FROM near) < 2 * $10 AS is_enough)'
    || ' SELECT m.* FROM met AS m WHERE (SELECT e.is_enough FROM e)'
    || ' UNION ALL (SELECT r.*' || body || ' AND NOT (SELECT e.is_enough FROM e) AND ' || held || apart || ' LIMIT $10)'
  END
  USING of_type, of_subjects, finds, shows, among, since, until, after_at, after_id, at_most, places;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- As app.of_patient (0010), of each type what holds a class of both its sets.
CREATE FUNCTION app.of_patient_holding(
  context text, of_patient text, of_types text[], finds bytea[], shows bytea[], relatives bytea[], after_type text,
  after_id text, since timestamptz, at_most bigint, at_most_bytes bigint)
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
           AND app.holds_of_both(r.envelope, finds[array_position(of_types, r.type)],
             shows[array_position(of_types, r.type)])
         ORDER BY r.type, r.id LIMIT at_most)
        UNION ALL
        (SELECT r.* FROM phi.resources AS r
         WHERE r.type = 'RelatedPerson' AND 'RelatedPerson' = ANY (of_types)
           AND r.id IN (SELECT t.id FROM phi.search_tokens AS t
                        WHERE t.token = ANY (relatives) AND t.patient = of_patient AND t.type = 'RelatedPerson')
           AND (r.type, r.id) > (after_type COLLATE "C", after_id COLLATE "C")
           AND r.envelope IS NOT NULL AND (since IS NULL OR r.at >= since)
           AND app.holds_of_both(r.envelope, finds[array_position(of_types, 'RelatedPerson')],
             shows[array_position(of_types, 'RelatedPerson')])
         ORDER BY r.type, r.id LIMIT at_most)
        ORDER BY type, id LIMIT at_most) AS v) AS f
    WHERE f.bytes_before < at_most_bytes
    ORDER BY f.type, f.id;
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- As app.history (0010), of the versions that are no deletions those that hold a class of ``shows``. So that whoever
-- reads still misses one that was taken away, ``low`` is the version down to which was looked (1 where none is left),
-- and ``present`` the number of all versions from there to ``before_version``; NULL with ``since``, where nobody can
-- tell. A row comes always: one of NULLs where no version is met.
CREATE FUNCTION app.history_holding(
  context text, of_type text, of_id text, shows bytea, before_version bigint, since timestamptz, at_most bigint,
  at_most_bytes bigint)
RETURNS TABLE (type text, id text, version bigint, subject text, at timestamptz, envelope bytea, low bigint,
  present bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  PERFORM set_config('phivault.context', context, true);
  -- One statement, one snapshot: a version is in one of the two tables, whatever commits meanwhile.
  RETURN QUERY
    WITH met AS MATERIALIZED (
      SELECT v.*, coalesce(sum(octet_length(v.envelope)) OVER (
        ORDER BY v.version DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS bytes_before
      FROM (
        SELECT r.* FROM phi.resources AS r
        WHERE r.type = of_type AND r.id = of_id AND r.version < before_version AND (since IS NULL OR r.at >= since)
          AND (r.envelope IS NULL OR app.holds_of_both(r.envelope, shows, shows))
        UNION ALL
        (SELECT h.* FROM phi.history AS h
         WHERE h.type = of_type AND h.id = of_id AND h.version < before_version AND (since IS NULL OR h.at >= since)
           AND (h.envelope IS NULL OR app.holds_of_both(h.envelope, shows, shows))
         ORDER BY h.version DESC LIMIT at_most)
        ORDER BY version DESC LIMIT at_most) AS v),
    bound AS MATERIALIZED (
      SELECT CASE WHEN count(*) < at_most AND coalesce(max(m.bytes_before), 0) < at_most_bytes THEN 1
        ELSE min(m.version) FILTER (WHERE m.bytes_before < at_most_bytes) END AS low
      FROM met AS m)
    SELECT m.type, m.id, m.version, m.subject, m.at, m.envelope, b.low, CASE WHEN since IS NULL THEN
      (SELECT count(*) FROM phi.resources AS r
       WHERE r.type = of_type AND r.id = of_id AND r.version >= b.low AND r.version < before_version)
      + (SELECT count(*) FROM phi.history AS h
         WHERE h.type = of_type AND h.id = of_id AND h.version >= b.low AND h.version < before_version) END
    FROM bound AS b LEFT JOIN met AS m ON m.bytes_before < at_most_bytes
    ORDER BY m.version DESC;
  PERFORM set_config('phivault.context', '', true);
END
$$;
GRANT EXECUTE ON FUNCTION
  app.listed, app.lists, app.lists_of_both, app.holds_of_both, app.search_among_holding, app.recent_holding,
  app.of_patient_holding, app.history_holding
  TO phivault_app;
