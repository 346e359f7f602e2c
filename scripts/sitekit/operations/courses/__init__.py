"""Write a course file, check that a course can take place, and start its class as a trial."""
