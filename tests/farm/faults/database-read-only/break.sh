modes 400 "$STATE/jupyterhub.sqlite"
