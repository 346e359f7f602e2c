"""Remove the files and accounts that `make apply` made (`sudo make uninstall`)."""
