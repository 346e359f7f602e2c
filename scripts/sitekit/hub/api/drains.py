"""Define the REST handlers with which administrators drain nodes and partitions, and stop servers.

The REST handlers in this file do the same as `make drain`, `make undrain` and `make stop_servers`.
The hub records each drain, undrain and stop in its database of starts (the ledger) and in its log,
with the administrator's name.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from ...backends.start_and_job_records import NoAnswer
from ...base.errors import BadInput, shown
from ..ledger.check_announcement import read_text
from ..servers.check_drain_request import read_place, refuse_unknown_place
from ..servers.log_operator_actions import log_actions
from ..servers.shared_objects import HubState

DRAINS = r"/api/sitekit/drains"
DRAIN = rf"{DRAINS}/(node|partition)/([A-Za-z0-9][A-Za-z0-9_.-]{{0,63}})"
STOPS = r"/api/sitekit/stops"
STOP = rf"{STOPS}/([0-9]{{1,12}})"


class OperatorHandler(APIHandler):
    """Read the body of an administrator's request, and the administrator's name."""

    hub_state: HubState

    def body(self, *keys: str) -> dict[str, Any]:
        """Return the body of the HTTP request, a JSON mapping whose keys must be among `keys`.
        Raises BadInput."""
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise BadInput("the body is no mapping", "body", f"send JSON with {', '.join(keys)}")
        if unknown := body.keys() - set(keys):
            raise BadInput(
                f"there is no key {shown(min(unknown))}", "body", f"use {', '.join(keys)}"
            )
        return body

    def refuse(self, bad: BadInput) -> web.HTTPError:
        """Return an HTTP error 400 whose text contains the message of an exception in one line."""
        where = f"{bad.where}: " if bad.where else ""
        told = f"{where}{bad.what}; {bad.remedy}" if bad.remedy else f"{where}{bad.what}"
        return web.HTTPError(400, told)

    @property
    def operator(self) -> str:
        """Return the administrator's name, with which the action is recorded."""
        return str(self.current_user.name)


class DrainsHandler(OperatorHandler):
    """Handle GET: return the drained nodes and partitions. Handle POST {"node" or "partition":
    name, "text": reason}: drain this node or partition."""

    @needs_scope("admin:servers")
    async def get(self) -> None:
        self.write({"drains": self.hub_state.ledger.drained()})

    @needs_scope("admin:servers")
    async def post(self) -> None:
        state = self.hub_state
        try:
            body = self.body("node", "partition", "text")
            text = read_text(body.get("text"))
            kind, name = read_place(body, "body")
            await refuse_unknown_place(state.site, state.backends.values(), kind, name, "body")
            state.ledger.drain(kind, name, text, self.operator)
        except BadInput as bad:
            raise self.refuse(bad) from None
        except NoAnswer as silence:
            raise web.HTTPError(503, f"Slurm does not answer: {shown(str(silence))}") from None
        log_actions(state.ledger)
        drains = state.ledger.drains()
        self.set_status(201)
        self.write({"not_offered": [one.key for one in state.site.tiers if drains.reason(one)]})


class DrainHandler(OperatorHandler):
    """Handle DELETE /hub/api/sitekit/drains/KIND/NAME: end the drain of a node or partition so
    that servers can start there again."""

    @needs_scope("admin:servers")
    async def delete(self, kind: str, name: str) -> None:
        if not self.hub_state.ledger.undrain(kind, name, self.operator):
            raise web.HTTPError(404, f"the {kind} {name} is not drained")
        log_actions(self.hub_state.ledger)
        self.set_status(204)


class StopsHandler(OperatorHandler):
    """Handle POST {"user": name, "text": reason}: order the hub to stop all servers that the user
    has now.

    The response (HTTP 202) contains the id of the order. The hub executes the order within seconds.
    """

    @needs_scope("admin:servers")
    async def post(self) -> None:
        try:
            body = self.body("user", "text")
            text = read_text(body["text"]) if body.get("text") else ""
            user = body.get("user")
            if not isinstance(user, str) or self.find_user(user) is None:
                what = f"the hub has no user {shown(str(user))}"
                raise BadInput(what, "user", "write the name as /hub/admin lists it")
        except BadInput as bad:
            raise self.refuse(bad) from None
        number = self.hub_state.ledger.order_stop(user, text, self.operator)
        log_actions(self.hub_state.ledger)
        self.set_status(202)
        self.write({"id": number})


class StopHandler(OperatorHandler):
    """Handle GET /hub/api/sitekit/stops/ID: return how many servers the order ID has stopped, or
    null if the hub has not yet executed the order."""

    @needs_scope("admin:servers")
    async def get(self, number: str) -> None:
        self.write({"stopped": self.hub_state.ledger.stopped_by(int(number))})


HANDLERS = (
    (DRAINS, DrainsHandler),
    (DRAIN, DrainHandler),
    (STOPS, StopsHandler),
    (STOP, StopHandler),
)
