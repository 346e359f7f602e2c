"""Generate the files that the administrator of the login node installs, for a hub outside the
cluster."""
