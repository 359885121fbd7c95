-- outside a transaction
-- Idempotency rows by age, for their end (0021): as 0015.
DROP INDEX CONCURRENTLY IF EXISTS app.idempotency_by_time;
CREATE INDEX CONCURRENTLY idempotency_by_time ON app.idempotency (tenant_id, at);
