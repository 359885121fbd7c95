-- outside a transaction
-- Earlier versions by whose they are, for rotation (0011): as 0015. The index of phi.resources by subject (0002) leaves
-- deletions out; this does too.
DROP INDEX CONCURRENTLY IF EXISTS phi.history_by_subject;
CREATE INDEX CONCURRENTLY history_by_subject ON phi.history (tenant_id, subject, type, id, version)
  WHERE envelope IS NOT NULL;
