"""Programs that a kernel's interpreter or the release's Python runs to test kernels."""
