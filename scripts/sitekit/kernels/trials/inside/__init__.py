"""Hold programs that run in a kernel's interpreter or in the release, for a probe or a test."""
