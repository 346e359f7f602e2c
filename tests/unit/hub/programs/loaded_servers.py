"""Print the tags of the servers that the reconciler leaves to JupyterHub.

The argument is the folder of sitekit's package.
"""

import json
import sys
import time

sys.path.insert(0, sys.argv[1])
from types import SimpleNamespace

from sitekit.hub.spawner import reconcile


# A server reports that it ends, and then its route is removed. JupyterHub then waits for the end of
# the server's job, until the job's time limit.
def held(tag, ending_since):
    return SimpleNamespace(child_spawner=SimpleNamespace(tag=tag, ending_since=ending_since))


now = time.monotonic()
late = now - reconcile.ENDING_TIMEOUT - 1
servers = [held("runs", 0.0), held("ends", now - 10), held("says so", late), held("", 0.0)]
reconcile.spawners = lambda: [*servers, SimpleNamespace(child_spawner=None)]
print(json.dumps(reconcile.tags_of_loaded_servers()))
