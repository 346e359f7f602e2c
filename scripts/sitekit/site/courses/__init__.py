"""Read course files and rosters."""
