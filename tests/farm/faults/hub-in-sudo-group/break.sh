accounts
gpasswd --add jupyterhub-daemon disk
