"""A local Amazon Cognito user pool, for ``cognito-idp`` clients that are given its endpoint.

It keeps the documented behaviour wherever sign-in security depends on it: random secrets and codes that are checked,
sessions bound to user and challenge, refused replays, lockout, refresh rotation and revocation. Where the
documentation leaves a choice open, the module that makes it says so. State lives in memory.
"""
