"""Programs that stay up, under systemd or supervisord."""
