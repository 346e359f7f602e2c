"""Configure the machine's own sshd to refuse logins of members of certain groups
(`login.deny_ssh`)."""
