"""Write and read bundles (`make bundle`).

A bundle is one tar file with everything that a site without a network needs to build a release.
"""
