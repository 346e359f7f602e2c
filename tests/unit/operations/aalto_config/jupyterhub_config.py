# The hub of an invented cluster, in the shape of many sites' configuration: profiles of wrapspawner,
# jobs of batchspawner, a culler of its own. The tests only read this file.

import os
import sys

live = "DEV" not in os.environ
BASEDIR = os.path.dirname(__file__)

# Connections
c.JupyterHub.hub_ip = "10.20.0.5"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
if live:
    c.JupyterHub.hub_port = 8081
    c.JupyterHub.db_url = "sqlite:////etc/jupyterhub/jupyterhub.sqlite"
else:
    c.JupyterHub.hub_port = 8281
c.JupyterHub.cookie_secret_file = "/etc/jupyterhub/cookie_secret"
c.JupyterHub.cleanup_servers = False

# Logins
import grp

c.Authenticator.admin_users = set(grp.getgrnam("admin").gr_mem)
c.LocalAuthenticator.group_whitelist = {"cluster-users"}
c.Spawner.disable_user_config = True
c.JupyterHub.cookie_max_age_days = 3

# Servers
c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
c.Spawner.http_timeout = 120
c.Spawner.start_timeout = 180
batch_cmd = """\
unset XDG_RUNTIME_DIR
{BASEDIR}/conda/bin/jupyterhub-singleuser""".format(BASEDIR=BASEDIR)
slurm_default = dict(
    req_nprocs="2", req_options="", req_workdir="/scratch/work/{user}", cmd=batch_cmd
)
LONG = "jupyter-long,jupyter-overflow"
c.ProfilesSpawner.profiles = [
    # ("Here", "local", "jupyterhub.spawner.LocalProcessSpawner", dict()),
    ("2 GB, 5 days", "long", "batchspawner.SlurmSpawner",
     {**slurm_default, **dict(req_partition=LONG, req_memory="2200", req_runtime="5-0")}),
    ("2 GB, 10 hours", "small", "batchspawner.SlurmSpawner",
     {**slurm_default, **dict(req_partition=LONG, req_memory="2200", req_runtime="0-10")}),
    ("5 GB, 10 hours", "medium", "batchspawner.SlurmSpawner",
     {**slurm_default, **dict(req_partition=LONG, req_memory="5200", req_runtime="0-10")}),
    ("20 GB, 10 hours", "large", "batchspawner.SlurmSpawner",
     {**slurm_default, "req_partition": "jupyter-short", "req_memory": "20200", "req_runtime": "0-10",
      "req_culltime": 60 * 60 + 300}),
    ("80 GB, 4 hours", "huge", "batchspawner.SlurmSpawner",
     {**slurm_default, "req_partition": "jupyter-short", "req_memory": "80200", "req_runtime": "0-4",
      "req_culltime": 15 * 60 + 300, "req_options": "--constraint=avx512 --mail-type=END"}),
    ("On the hub's host", "host", "jupyterhub.spawner.LocalProcessSpawner", {}),
]  # fmt: skip
c.Spawner.notebook_dir = "/scratch/work/{username}/.jupyterhub-tree/"
c.Spawner.default_url = "/lab"
c.Spawner.poll_interval = 300
c.JupyterHub.last_activity_interval = 60


async def hook(spawner):
    spawner.environment["SITE"] = "cluster"


c.Spawner.pre_spawn_hook = hook
c.JupyterHub.services = [
    {
        "name": "cull-idle",
        "admin": True,
        "command": [sys.executable, os.path.join(BASEDIR, "cull.py"), "--timeout=600"],
    }
]
c.JupyterHub.template_paths = [os.path.join(BASEDIR, "templates")]
