"""Run the site's services under systemd or supervisord."""
