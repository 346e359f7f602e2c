"""Run inside a kernel, its interpreter or the release, during a probe or a test."""
