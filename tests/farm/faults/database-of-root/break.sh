owner root "$STATE/jupyterhub.sqlite"
