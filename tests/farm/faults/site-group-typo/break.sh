edit login.allowed_groups "[jupyter-usrs]"
