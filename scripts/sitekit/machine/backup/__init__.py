"""Back up and restore a site's data (`sudo make backup`, `sudo make restore`)."""
