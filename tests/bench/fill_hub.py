"""Runs in the release's Python, as the hub's account: fill the database and the ledger of a hub with
users, of whom some have running servers and some wait for one.

The settings are JSON on standard input. Prints the tags of the starts, and a login cookie for each
kind of user, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main():
    from jupyterhub import orm, roles
    from tornado.web import create_signed_value

    from sitekit.backends.resource_choice import Choice
    from sitekit.contracts.database_url import database_url
    from sitekit.hub.servers.shared_objects import HubState
    from sitekit.site import load_site

    asked = json.load(sys.stdin)
    site = load_site(Path(asked["site"]))
    ledger, choice = HubState(site).ledger, Choice.of(site.tiers[0]).as_dict()
    db = orm.new_session_factory(database_url(site))()
    roles.create_role(db, {"name": "user", "scopes": ["self"]})
    tags, cookies = {}, {}
    for state, people in asked["people"].items():
        for job, name, uid in people:
            user = orm.User(name=name)
            db.add(user)
            if state == "stopped":
                continue
            tag = ledger.record_intent(name, "", None, choice, account=name, uid=uid)
            ledger.record_job(tag, str(job))
            if state == "running":
                ledger.record_port(tag, asked["port"])
            tags[job] = tag
            kept = {"tag": tag, "job_id": str(job), "address": "127.0.0.1"}
            server = orm.Server(
                proto="http", ip="127.0.0.1", port=asked["port"], base_url=f"/user/{name}/"
            )
            db.add(server)
            db.add(orm.Spawner(name="", user=user, server=server, state={"child_state": kept}))
        db.flush()
        for user in db.query(orm.User).filter(orm.User.name.in_([one[1] for one in people])):
            roles.assign_default_roles(db, user)
        first = db.query(orm.User).filter_by(name=people[0][1]).one()
        secret = bytes.fromhex((site.paths.state / "cookie_secret").read_text())
        value = create_signed_value(secret, "jupyterhub-hub-login", first.cookie_id)
        cookies[state] = value.decode()
    db.commit()
    json.dump({"tags": tags, "cookies": cookies}, sys.stdout)


main()
