accounts
gpasswd --add bob jupyterhub-proxy
