"""Let users make kernels of their own, with the command `sitekit-kernel`."""
