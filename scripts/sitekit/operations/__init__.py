"""Looking after a site that people work in."""
