-- The end of an Idempotency-Key. Behind its life it is as new, whether or not its row is still there: nothing finds it,
-- and the next commit under it takes its place. By the database's clock alone.

CREATE FUNCTION app.idempotency_life() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '7 days';
GRANT EXECUTE ON FUNCTION app.idempotency_life TO phivault_app;

CREATE OR REPLACE FUNCTION app.find_idempotent(context text, of_principal text, of_key_hash bytea)
RETURNS SETOF app.idempotency
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM set_config('phivault.context', context, true);
  RETURN QUERY
    SELECT i.* FROM app.idempotency AS i
    WHERE i.principal = of_principal AND i.key_hash = of_key_hash AND i.at > now() - app.idempotency_life();
  PERFORM set_config('phivault.context', '', true);
END
$$;

-- Each row that is written takes old ones of its tenant with it: that of its own key, and the oldest others. One comes
-- and up to 20 go, so that what had gathered gets less, and no commit waits for it: rows that another commit is at are
-- left to that one. The application's role may delete none by itself. This runs with the owner's rights, which row-level
-- security binds to the tenant of the commit's context as well, and deletes nothing that still counts.
--
-- Two commits at once under one old key: the second waits for the first at the old row, finds it gone, and then finds
-- the first's new row as it does with any key that is taken (0004). This comes before all other locks of a commit, so
-- nobody who waits here holds what another waits for.
CREATE FUNCTION app.end_idempotency() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- Rows from then or before don't count any more.
  ended timestamptz := now() - app.idempotency_life();
BEGIN
  DELETE FROM app.idempotency AS i
  WHERE i.tenant_id = NEW.tenant_id AND i.principal = NEW.principal AND i.key_hash = NEW.key_hash AND i.at <= ended;
  -- Materialized, since a plan may ask a subquery once a row, and each time it would lock the next 20.
  WITH aged AS MATERIALIZED (
    SELECT o.principal, o.key_hash FROM app.idempotency AS o
    WHERE o.tenant_id = NEW.tenant_id AND o.at <= ended
    ORDER BY o.at LIMIT 20 FOR UPDATE SKIP LOCKED)
  DELETE FROM app.idempotency AS i USING aged
  WHERE i.tenant_id = NEW.tenant_id AND i.principal = aged.principal AND i.key_hash = aged.key_hash;
  RETURN NEW;
END
$$;
CREATE TRIGGER end_idempotency BEFORE INSERT ON app.idempotency
FOR EACH ROW EXECUTE FUNCTION app.end_idempotency();
