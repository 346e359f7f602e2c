"""Test the site's applications (`make applications_check`), and record which applications users'
servers are allowed to offer."""
