"""Who logs in, how, and for how long: PAM, delays after failures, sessions, tokens, administrators."""
