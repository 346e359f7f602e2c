"""`sitekit-kernel`: the kernels that a user makes for themselves."""
