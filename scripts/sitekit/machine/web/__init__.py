"""Configure the web server in front of the hub: configuration, modules, certificates."""
