"""Define the REST handlers of announcements: for administrators, who write announcements, and for
servers, which show announcements in JupyterLab."""

from __future__ import annotations

from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

from ...base.errors import BadInput, shown
from ..ledger.check_announcement import SENDERS, body_of, in_lab, read_announcement
from ..servers.log_operator_actions import log_actions
from ..servers.shared_objects import HubState
from .server_callbacks import ServersOwnHandler
from .why_server_ended import end_key, pages_of

ANNOUNCEMENTS = r"/api/sitekit/announcements"
ANNOUNCEMENT = rf"{ANNOUNCEMENTS}/([0-9]{{1,12}})"
MESSAGES = r"/api/sitekit/messages"
COURSE_MESSAGES = r"/api/sitekit/course/messages"
"""The URL path at which servers of an older release request the messages of MESSAGES."""


class AnnouncementsHandler(APIHandler):
    """Handle GET: return all announcements that have not ended. Handle POST: record an
    announcement, and return its id.

    The caller must be an administrator.
    """

    hub_state: HubState

    @needs_scope("admin:servers")
    async def get(self) -> None:
        self.write({"announcements": self.hub_state.ledger.announcements()})

    @needs_scope("admin:servers")
    async def post(self) -> None:
        body = self.get_json_body()
        try:
            if not isinstance(body, dict):
                raise BadInput("the body is no mapping", "announcement", 'send {"text": "..."}')
            one = read_announcement(body)
            if one.user and self.find_user(one.user) is None:
                raise BadInput(f"the hub has no user {shown(one.user)}", "user", "name another")
            number = self.hub_state.ledger.announce(one, self.current_user.name)
        except BadInput as bad:
            raise web.HTTPError(400, _in_one_line(bad)) from None
        log_actions(self.hub_state.ledger)
        self.set_status(201)
        self.write({"id": number})


class AnnouncementHandler(APIHandler):
    """Handle DELETE /hub/api/sitekit/announcements/ID: end an announcement.

    The caller must be an administrator.
    """

    hub_state: HubState

    @needs_scope("admin:servers")
    async def delete(self, number: str) -> None:
        if not self.hub_state.ledger.end_announcement(int(number), self.current_user.name):
            raise web.HTTPError(404, "no announcement of this number is open")
        log_actions(self.hub_state.ledger)
        self.set_status(204)


class MessagesHandler(ServersOwnHandler):
    """Handle GET from a server: return the messages that the server's JupyterLab shows to the user,
    and the URLs of the hub's pages about the server. The messages are the announcements of the
    site, the messages of the course's instructors since the server's start, and the text about a
    drained node or partition. The response contains only messages for the server's own user and
    course."""

    async def get(self) -> None:
        # without @web.authenticated, which would redirect a request without a token to the login
        row, ledger = self.row(), self.hub_state.ledger
        course = str(row.choice.get("course", ""))
        of_course = ledger.messages(course, row.intended) if course else []
        told: list[dict[str, Any]] = [{**one, "id": str(one["id"])} for one in reversed(of_course)]
        told += [in_lab(one) for one in ledger.announced(row.user, "lab")]
        if text := ledger.drains().text_for(self.hub_state.job_of(row)):
            sender, level = SENDERS["maintenance"], "maintenance"
            told.append({"id": f"drain {text}", "from": sender, "text": text, "level": level})
        self.set_header("Content-Type", "application/json")
        self.finish(body_of(told, pages_of(self.hub_state.site, row, end_key(self, row.tag))))


def _in_one_line(bad: BadInput) -> str:
    where = f"{bad.where}: " if bad.where else ""
    return f"{where}{bad.what}; {bad.remedy}" if bad.remedy else f"{where}{bad.what}"
