"""Generate pages of the documentation, and build the documentation as a static site."""
