"""Test container images (`make images_check`), and record which images users are allowed to use for
their servers."""
