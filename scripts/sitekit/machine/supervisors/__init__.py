"""Long-running services, under systemd or supervisord."""
