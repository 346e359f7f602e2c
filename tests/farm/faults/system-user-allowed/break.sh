accounts
gpasswd --add games jupyter-users
usermod --password x games
