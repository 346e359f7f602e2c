"""Start many servers at the same time as a test, and report the times, the errors and the first
bottleneck (`make drill`)."""
