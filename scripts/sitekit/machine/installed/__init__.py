"""Record which files and accounts sitekit has made on the machine, and read their present state."""
