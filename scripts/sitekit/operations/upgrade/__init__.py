"""Upgrade, roll back and list releases. Running servers are not affected."""
