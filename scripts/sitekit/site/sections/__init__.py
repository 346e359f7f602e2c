"""The sections of a site file, one file for each section."""
