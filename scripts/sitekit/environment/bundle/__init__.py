"""Write and read bundles: release files for sites that have no network."""
