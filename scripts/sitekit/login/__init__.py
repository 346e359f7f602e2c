"""How people get in: PAM, OAuth, a trusted web server."""
