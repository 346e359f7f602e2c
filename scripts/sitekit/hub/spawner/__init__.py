"""Start each server as a job, watch the job until it ends, and adopt it after a hub restart."""
