"""Find the faults of a site, sort them by cause, and print how to repair them (`make doctor`)."""
