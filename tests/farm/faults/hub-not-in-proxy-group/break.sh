accounts
gpasswd --delete jupyterhub-daemon jupyterhub-proxy
