"""Changing a site that people work in: releases come and go, the hub restarts, servers stay."""
