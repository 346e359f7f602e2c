"""Start many servers at once as a test, and report the times, the errors and the first bottleneck
(`make drill`)."""
