"""Compare the proxy's routes with those of some servers, once for each case; print what was changed
and how often each server's state was read.

The argument is the folder of sitekit's package.
"""

import asyncio
import json
import sys
from types import SimpleNamespace

sys.path.insert(0, sys.argv[1])
from jupyterhub import orm

from sitekit.backends.refresh_snapshot import Snapshot
from sitekit.hub.loops import proxy_routes

db = orm.new_session_factory("sqlite:///:memory:")()
snapshot = Snapshot({}, 0)
hub_state = SimpleNamespace(
    backends={"slurm": SimpleNamespace(queue=SimpleNamespace(snapshot=snapshot))}
)
done, reads = [], []


class Spawner:
    def __init__(self, user, name, ready):
        self.user, self.name, self._ready = user, name, ready
        self.proxy_spec = f"{user.proxy_spec}{name}/" if name else user.proxy_spec
        self.hub_state = hub_state
        job = SimpleNamespace(suspended=user.name == "carol")
        self.child_spawner = SimpleNamespace(current_job=lambda: job)

    @property
    def ready(self):
        reads.append(self.proxy_spec)
        return self._ready


class Proxy:
    def __init__(self, routes, stand_ins):
        self.routes, self.stand_ins = dict.fromkeys(["/", *routes]), stand_ins

    async def get_all_routes(self):
        return self.routes

    async def add_route(self, path, host, data):
        done.append(f"add {path}")

    async def delete_route(self, path):
        done.append(f"delete {path}")

    async def check_routes(self, *_):
        done.append("check")


async def resend_ended(_):
    done.append("ended logins")


def users(servers):
    found = {}
    for name, spawners in servers.items():
        user = found[name] = SimpleNamespace(name=name, proxy_spec=f"/user/{name}/")
        user.spawners = {key: Spawner(user, key, up) for key, up in spawners.items()}
    return found


def one_round(servers, routes, stand_ins=frozenset()):
    done.clear()
    reads.clear()
    app = SimpleNamespace(
        proxy=Proxy(routes, stand_ins),
        users=users(servers),
        db=db,
        allow_named_servers=True,
        hub=SimpleNamespace(routespec="/", host="http://hub"),
        _service_map={},
    )
    proxy_routes.spawners = lambda: [
        spawner for user in app.users.values() for spawner in user.spawners.values()
    ]
    asyncio.run(proxy_routes.restore(app))
    return [list(done), max(map(reads.count, reads), default=0)]


proxy_routes.check_server_access.resend_ended = resend_ended
told = {}
both = {"alice": {"": True}, "bob": {"": True}}
told["nothing to do"] = one_round(both, ["/user/alice/", "/user/bob/"])
told["lost"] = one_round(both, ["/user/alice/"])
stopped = orm.User(name="alice")
db.add_all([stopped, orm.Spawner(name="", user=stopped), orm.Spawner(name="two", user=stopped)])
db.commit()
told["a stopped server"] = one_round(both, ["/user/alice/", "/user/bob/"])
up = {"alice": {"": True, "two": True}}
told["it runs again"] = one_round(up, ["/user/alice/", "/user/alice/two/"], {"/user/alice/two/"})
told["its user has none"] = one_round({"alice": {"": False}}, [], {"/user/alice/two/"})
vars(snapshot)["jobs"] = {"1": SimpleNamespace(suspended=True)}
vars(snapshot).pop("has_suspended_jobs")
told["suspended"] = one_round({"carol": {"": True}}, [])
print(json.dumps(told))
