"""Start many servers at once as a trial, and report times, errors and the first bottleneck."""
