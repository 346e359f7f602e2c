"""Make, test and remove a user's own kernels with the command `sitekit-kernel`."""
