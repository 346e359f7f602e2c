"""Start and stop the site's services and report their state (`make start`, `stop`, `status`)."""
