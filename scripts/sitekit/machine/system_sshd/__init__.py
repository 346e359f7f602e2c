"""Keep members of certain groups out of this machine's own sshd (`login.deny_ssh`)."""
