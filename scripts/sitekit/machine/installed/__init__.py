"""What is on the machine, and which of it is sitekit's."""
