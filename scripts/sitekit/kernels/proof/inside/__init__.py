"""Programs that run inside a kernel or its interpreter."""
