"""Define small files that one part of sitekit writes and another part reads.

This folder also defines paths and names that several parts of sitekit must use in the same way.
"""
