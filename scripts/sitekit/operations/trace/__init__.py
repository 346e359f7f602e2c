"""Print the steps of one start of a server in order, from the logs of all programs that took part
(`make trace`)."""
