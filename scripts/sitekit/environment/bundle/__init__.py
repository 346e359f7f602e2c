"""Write and read bundles.

A bundle is a file from which a site without a network can build a release.
"""
