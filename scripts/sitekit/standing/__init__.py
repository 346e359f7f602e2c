"""What stands on a machine, and which of it is sitekit's."""
