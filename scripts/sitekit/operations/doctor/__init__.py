"""Find out what is wrong with a site, rank the causes, and say what mends them (`make doctor`)."""
