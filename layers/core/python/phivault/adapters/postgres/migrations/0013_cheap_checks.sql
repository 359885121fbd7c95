-- The same checks of 0002, written so that they cost little: a repetition with an upper bound, such as {1,128}, takes
-- PostgreSQL longer to match than the rest of an insert; + and a look at the length don't. What these accept is what
-- those accepted, so rows that stand needn't be looked at again (NOT VALID), and nobody waits for that; every row that is
-- written from here on is. What the patterns accept is ASCII: a character is a byte.

ALTER TABLE phi.resources
  DROP CONSTRAINT resources_tenant_id_check,
  DROP CONSTRAINT resources_type_check,
  DROP CONSTRAINT resources_id_check,
  DROP CONSTRAINT resources_subject_check,
  ADD CONSTRAINT resources_tenant_id_check
    CHECK (octet_length(tenant_id) <= 64 AND tenant_id ~ '^[A-Za-z0-9._-]+$') NOT VALID,
  ADD CONSTRAINT resources_type_check
    CHECK (octet_length(type) <= 64 AND type ~ '^[A-Z][A-Za-z]*$') NOT VALID,
  ADD CONSTRAINT resources_id_check
    CHECK (octet_length(id) <= 64 AND id ~ '^[A-Za-z0-9.-]+$') NOT VALID,
  -- Behind the only slash stand 128 bytes at most.
  ADD CONSTRAINT resources_subject_check
    CHECK (octet_length(subject) - position('/' IN subject) <= 128
      AND subject ~ '^(Tenant|(Patient|RelatedPerson|User)/[A-Za-z0-9._-]+)$') NOT VALID;
