"""Remove what `make apply` wrote (`sudo make uninstall`)."""
