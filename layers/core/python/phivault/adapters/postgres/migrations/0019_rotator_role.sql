-- A database role of the function that rotates keys and forgets erased people: what only it calls, only it may call
-- (docs/adr/0045). Row-level security binds it as it binds the application: app.tenant() believes a context that was
-- signed for the role that signed in, and nothing here gives it a row without one.

GRANT USAGE ON SCHEMA app, phi TO phivault_rotator;

-- It reads envelopes to seal them again, and writes none but by app.reseal. Of the index it may delete, and sees whose
-- the tokens are, never a token.
GRANT SELECT ON phi.resources, phi.history TO phivault_rotator;
GRANT SELECT (tenant_id, type, id), DELETE ON phi.search_tokens TO phivault_rotator;

GRANT EXECUTE ON FUNCTION
  app.tenant, app.key_version, app.subjects, app.key_versions, app.sealed_below, app.reseal, app.tokens_of,
  app.forget_tokens
TO phivault_rotator;
REVOKE EXECUTE ON FUNCTION
  app.key_version, app.subjects, app.key_versions, app.sealed_below, app.reseal, app.tokens_of, app.forget_tokens
FROM phivault_app;
