"""Test the site's applications (`make applications_check`), and record which ones servers offer."""
