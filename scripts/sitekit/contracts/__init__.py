"""Define small files that one part of sitekit writes and another part reads.

This folder also defines names that several parts of sitekit must use alike.
"""
