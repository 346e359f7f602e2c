"""The temporary hub's configuration: upstream's spawners as released, with $FIGURES."""

import json
import os
import sys
from pathlib import Path

from batchspawner import SlurmSpawner

figures = json.loads(Path(os.environ["FIGURES"]).read_text())
release = figures["release"]
slurm = figures["slurm"]
request = {
    "req_partition": figures["partition"],
    "req_memory": figures["memory"],
    "req_nprocs": figures["cpus"],
    "req_runtime": figures["minutes"],
}
role = {
    "name": "bench",
    "services": ["bench"],
    "scopes": ["admin:users", "admin:servers", "list:users", "access:servers"],
}

c = get_config()  # noqa: F821  JupyterHub brings it
c.JupyterHub.bind_url = f"http://127.0.0.1:{figures['proxy']}/"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{figures['hub']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{figures['api']}"
c.ConfigurableHTTPProxy.command = [f"{release}/configurable-http-proxy"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allowed_users = {figures["user"]}
c.JupyterHub.services = [{"name": "bench", "api_token": figures["token"]}]
c.JupyterHub.load_roles = [role]
if figures["packages"]:
    sys.path.append(figures["packages"])
    import jupyterhub_moss

    jupyterhub_moss.set_config(c)
else:
    c.JupyterHub.spawner_class = "wrapspawner.ProfilesSpawner"
    c.ProfilesSpawner.profiles = [("Small", "small", SlurmSpawner, request)]
c.Spawner.default_url = "/lab"
c.Spawner.cmd = [f"{release}/jupyterhub-singleuser"]
c.Spawner.environment = {"SLURM_CONF": figures["conf"]}
c.Spawner.http_timeout = 60
c.BatchSpawnerBase.batchspawner_singleuser_cmd = f"{release}/batchspawner-singleuser"
c.SlurmSpawner.batch_submit_cmd = f"{slurm}/sbatch --parsable"
c.SlurmSpawner.batch_query_cmd = f"{slurm}/squeue -h -j {{job_id}} -o '%T %B'"
c.SlurmSpawner.batch_cancel_cmd = f"{slurm}/scancel {{job_id}}"
c.SlurmSpawner.state_exechost_exp = "127.0.0.1"  # the names of the demo's nodes are in no DNS
