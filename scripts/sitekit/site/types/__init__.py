"""The types of single values in a site file, such as addresses, sizes and times."""
