"""Start each server as a job, watch the job until the job ends, and manage the job again after a
restart of the hub."""
