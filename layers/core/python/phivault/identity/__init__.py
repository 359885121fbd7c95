"""Sign-in with a second factor, sessions.

One verb, one file: sign_in, challenge, enrol_totp, refresh, sign_out, profile; ``service.Identity`` holds what
they need. ``session.Sessions.authenticate`` is the check that every other function makes first.
"""
