"""Test container images (`make images_check`), and record which images users may use for their
servers."""
