"""Start two engines of ipyparallel in the server's image; print what four tasks found there.

The program runs in a kernel, where the names `client` and `cluster` remain.
"""

import json

import ipyparallel

cluster = ipyparallel.Cluster(profile="slurm", n=2)
client = cluster.start_and_connect_sync(activate=False)


def where(number):
    import os
    from pathlib import Path

    return {
        "square": number**2,
        "job": os.environ["SLURM_JOB_ID"],
        "rank": os.environ["SLURM_PROCID"],
        "node": os.environ["SLURMD_NODENAME"],
        "marker": Path("/etc/marker").read_text().strip(),
        "data": Path("/mnt/data/file").read_text().strip(),
        "homes": os.listdir("/home"),
        "folder": os.getcwd(),
        "ours": os.path.exists("/opt/sitekit-session/sitekit"),
    }


print(json.dumps(client[:].map_sync(where, range(4))))
