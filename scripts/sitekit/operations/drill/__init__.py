"""Start many servers at once as a test, and report times, errors and the first bottleneck."""
