"""Control who logs in, and for how long: PAM, delays after failures, logins by browser."""
