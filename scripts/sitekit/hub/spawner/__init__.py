"""A server is a job: started, watched until its end, and adopted by the next hub."""
