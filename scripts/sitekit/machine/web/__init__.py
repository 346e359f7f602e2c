"""Generate and check the configuration, modules and certificates of the web server (reverse proxy)
in front of the hub."""
