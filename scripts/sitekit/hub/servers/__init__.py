"""Define what all servers of a hub share: accounts, states, certificates, courses and limits."""
