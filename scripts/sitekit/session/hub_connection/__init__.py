"""The server's connection to the hub: certificates, tunnel, and reports of start, memory and end."""
