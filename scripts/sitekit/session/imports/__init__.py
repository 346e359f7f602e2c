"""Import Python modules later, from one file of the release, or not at all."""
