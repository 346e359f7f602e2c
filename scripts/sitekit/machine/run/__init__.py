"""Start and stop the site's services, and print their state (`make start`, `stop`, `status`)."""
