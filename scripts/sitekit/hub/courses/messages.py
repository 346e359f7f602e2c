"""Answer the requests by which the servers of a course fetch the messages of its instructors."""

from __future__ import annotations

from tornado import web

from ..api.server_callbacks import ServersOwnHandler

MESSAGES = r"/api/sitekit/course/messages"


class CourseMessagesHandler(ServersOwnHandler):
    """Handle GET: return the messages to all participants since this server was started. A server
    gets only the messages of the course for which it was started.
    """

    @web.authenticated
    async def get(self) -> None:
        row = self.row()
        course = str(row.choice.get("course", ""))
        found = self.hub_state.ledger.messages(course, row.intended) if course else []
        self.write({"messages": [{**one, "id": str(one["id"])} for one in reversed(found)]})
