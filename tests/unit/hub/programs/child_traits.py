"""Print what a child spawner takes from its parent, and when.

The arguments are the folder of sitekit's package, a site file and a folder for the ledger.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from jupyterhub import orm
from jupyterhub.user import User
from traitlets.config import Config

from sitekit.hub.servers.shared_objects import HubState
from sitekit.hub.spawner.tier_spawner import TierSpawner
from sitekit.site import load_site

site, folder = load_site(Path(sys.argv[2])), Path(sys.argv[3])
TierSpawner.hub_state = HubState(
    site.model_copy(update={"paths": site.paths.model_copy(update={"state": folder})})
)
db = orm.new_session_factory("sqlite:///:memory:")()
kept = orm.Spawner(name="", user=orm.User(name="alice"))
db.add(kept)
db.commit()
config = Config(
    {"Spawner": {"environment": {"ALL": "1"}}, "TierSpawner": {"http_timeout": 77, "debug": True}}
)
owner = {"user": User(kept.user, {}, db), "orm_spawner": kept, "hub": None}
parent = TierSpawner(**owner, config=config, authenticator=None, oauth_client_id="x")
child = parent.construct_child()

told = {"not yet computed": [s.trait_has_value("env_keep") for s in (parent, child)]}
told["settings of the parent's class"] = [child.http_timeout, child.debug]
# traitlets copies lists
told["other values"] = [n for n in child._followed if getattr(child, n) != getattr(parent, n)]
parent.environment["HOOK"] = "1"
told["same object"] = child.environment
parent.cmd, parent.mem_limit = ["another"], 5
told["changes"] = [child.cmd, child.mem_limit]
parent.clear_state()
parent.cmd = ["a third"]
told["after its end"] = child.cmd
second = parent.construct_child()
told["the next child"] = [second is child, second.cmd]
print(json.dumps(told))
