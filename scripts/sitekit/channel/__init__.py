"""Where packages come from: environment.yml, its lock, the channels of site.yml, wheels, and rattler, which solves."""
