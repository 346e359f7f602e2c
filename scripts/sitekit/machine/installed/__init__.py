"""Record the files and accounts that sitekit made, and compare them with the machine."""
