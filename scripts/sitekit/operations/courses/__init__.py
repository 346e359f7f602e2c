"""Write a course file, check that a course can take place, and start the servers of a course as a
test."""
