-- outside a transaction
-- Lists in the order of time (0009). Built while others write. What a build that failed left behind is dropped first.
DROP INDEX CONCURRENTLY IF EXISTS phi.resources_by_time;
CREATE INDEX CONCURRENTLY resources_by_time ON phi.resources (tenant_id, type, at, id) WHERE envelope IS NOT NULL;
