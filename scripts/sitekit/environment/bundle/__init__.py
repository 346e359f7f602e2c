"""Pack a release into one file, for a site without a network."""
