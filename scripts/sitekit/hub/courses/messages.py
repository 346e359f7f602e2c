"""Answer a course's servers, which ask for the messages of its instructors."""

from __future__ import annotations

from tornado import web

from ..api.server_callbacks import ServersOwnHandler

MESSAGES = r"/api/sitekit/course/messages"


class CourseMessagesHandler(ServersOwnHandler):
    """Handle GET: the messages to all participants since this server was started.

    A server learns only about the course that it was started for.
    """

    @web.authenticated
    async def get(self) -> None:
        row = self.row()
        course = str(row.choice.get("course", ""))
        found = self.hub_state.ledger.messages(course, row.intended) if course else []
        self.write({"messages": [{**one, "id": str(one["id"])} for one in reversed(found)]})
