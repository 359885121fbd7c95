"""Sign-in with a second factor, sessions."""
