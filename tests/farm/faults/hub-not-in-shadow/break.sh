accounts
gpasswd --delete jupyterhub-daemon shadow
