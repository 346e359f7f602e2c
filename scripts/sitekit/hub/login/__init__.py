"""Decide who may log in (with PAM, at the front or at a provider), and how long a login lasts.
Delay logins after failures."""
