"""Start two engines of ipyparallel; print where each of four tasks ran.

The argument is the folder of ipyparallel's packages. The program runs in a kernel, where the names
`client` and `cluster` remain.
"""

import json
import os
import sys

sys.path.append(sys.argv[1])
os.environ["PYTHONPATH"] = sys.argv[1]
import ipyparallel

cluster = ipyparallel.Cluster(profile="slurm", n=2)
client = cluster.start_and_connect_sync(activate=False)


def where(number):
    import os

    return (
        number**2,
        os.environ["SLURM_JOB_ID"],
        os.environ["SLURM_PROCID"],
        os.environ["SLURMD_NODENAME"],
    )


print(json.dumps(client[:].map_sync(where, range(4))))
