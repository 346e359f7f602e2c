"""Make the database that is named, as JupyterHub does, with one user in it."""

import sys

from jupyterhub import orm

db = orm.new_session_factory(sys.argv[1])()
db.add(orm.User(name="alice"))
db.commit()
