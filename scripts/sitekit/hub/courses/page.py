"""Show the instructors' page of a course: which servers have started, which have failed and why,
and how much time is left. Only the instructors in the course file can open the page. For everybody
else, the hub's administrators included, the page does not exist (404). The page gives no access to
a participant's server or files.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from ...base.language import date_text
from ...base.language import gettext as _
from ...base.language import later as N_
from ...site.courses.course_files import Course
from ..ledger.course_servers_and_messages import longest_text
from ..messages.failed_start_cards import Card
from ..servers.server_states import ServerState
from ..servers.shared_objects import HubState
from .cache_course_state import CourseStates
from .servers_of_participants import ABSENT, FAILED, participants

PAGE = r"/courses/([a-z0-9][a-z0-9_-]{0,30})"
STATE = f"{PAGE}/state"
STOPPING = 30.0  # seconds that a restart waits until the server has stopped
_tasks: set[asyncio.Task[None]] = set()
"""Restarts that continue after the HTTP response was sent. Without this set, Python could delete a
restart that still runs."""


class CourseHandler(BaseHandler):
    """Handle the requests of instructors. share_hub_state() sets `hub_state`.

    Only a login in the browser is accepted. JupyterHub checks the _xsrf value of each POST.
    """

    hub_state: HubState
    states = CourseStates()

    def course(self, key: str) -> Course:
        """Return the course with this key. Raises HTTPError (404) if no such course exists, or if
        the user is not one of the course's instructors."""
        course = self.hub_state.courses.course(key)
        if course is None or not course.is_instructor(self.current_user.name):
            raise web.HTTPError(404, _("There is no course of this name that you teach."))
        return course

    async def state(self, course: Course) -> dict[str, Any]:
        """Return a dictionary for the page: the participants, and the messages of the last 24
        hours. The dictionary can be sent as JSON."""
        return await self.states.state(self.hub_state, course)


class CourseStateHandler(CourseHandler):
    """Handle GET /hub/courses/NAME/state: the data that the page shows, as JSON."""

    @web.authenticated
    async def get(self, key: str) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(await self.state(self.course(key))))


class CoursePageHandler(CourseHandler):
    """Handle /hub/courses/NAME: GET shows the page, and POST executes one action of the page."""

    @web.authenticated
    async def get(self, key: str) -> None:
        course = self.course(key)
        begin, end = (date_text(when, N_("d MMMM yyyy, HH:mm")) for when in course.file.period())
        page = await self.render_template(
            "course.html",
            course=course,
            begin=begin,
            end=end,
            state=await self.state(course),
            link=f"{self.hub_state.site.front.url}/hub/spawn?tier={course.key}",
            limit=longest_text(self.current_user.name),
            xsrf=self.xsrf_token.decode("ascii"),
        )
        self.finish(page)

    @web.authenticated
    async def post(self, key: str) -> None:
        course, action = self.course(key), self.get_body_argument("action", "")
        if action == "message":
            self.send_message(course)
        elif action in ("stop", "restart"):
            await self.act_on_server(course, action, self.get_body_argument("user", ""))
        else:
            raise web.HTTPError(400, _("This page sent an unknown action. Load it again."))
        self.states.forget(course)
        self.redirect(f"{self.hub.base_url}courses/{course.key}")

    def send_message(self, course: Course) -> None:
        """Record a message to all participants. Raises HTTPError (400) if the text is empty, too
        long, or not printable."""
        text = " ".join(self.get_body_argument("text", "").split())
        limit = longest_text(self.current_user.name)
        if not 0 < len(text) <= limit or not text.isprintable():
            raise web.HTTPError(400, _("Write a text of at most {limit} characters.", limit=limit))
        self.hub_state.ledger.record_message(course.key, self.current_user.name, text)
        self.note(course, "wrote to all participants")

    async def act_on_server(self, course: Course, action: str, name: str) -> None:
        """Stop or restart a participant's server of this course. Raises HTTPError if the server's
        state does not allow the action.

        An instructor cannot stop or restart the participant's other servers.
        """
        found = {one.name: one for one in participants(self.hub_state, course)}
        user = self.find_user(name) if name in found and found[name].state != ABSENT else None
        if user is None:
            raise web.HTTPError(404, _("No participant of this name has started a server."))
        one = found[name]
        if one.state not in (ServerState.RUNNING, ServerState.ENDED, FAILED):
            what = _("The server of {user} does not run yet. Wait until it runs.", user=name)
            raise web.HTTPError(409, what)
        if action == "stop" and one.state != ServerState.RUNNING:
            raise web.HTTPError(409, _("The server of {user} has stopped already.", user=name))
        if one.state == ServerState.RUNNING:
            await self.stop_server(course, user, one.server, restart=action == "restart")
        elif action == "restart" and user.spawners[one.server].active:
            raise web.HTTPError(409, _("{user} has another server now.", user=name))
        self.note(course, f"{action}: the server of {name}")
        if action == "restart":
            task = asyncio.ensure_future(self.start_server(course, user, one.server))
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)

    async def stop_server(self, course: Course, user: Any, server: str, *, restart: bool) -> None:
        """Stop a server, and record a card (a text for the participant). The card tells that an
        instructor of the course has stopped or restarted the server."""
        child = getattr(user.spawners[server], "child_spawner", None)
        row = self.hub_state.ledger.row(child.tag) if child and child.tag else None
        if row is None or row.choice.get("course") != course.key:
            what = _("The server of {user} has changed. Load the page again.", user=user.name)
            raise web.HTTPError(409, what)
        title = course.file.title
        what = _("An instructor of {course} stopped your server.", course=title)
        if restart:
            what = _("An instructor of {course} restarted your server.", course=title)
        card = Card("stopped", what, _("Your files are as you left them."))
        self.hub_state.ledger.abandon(row.tag, card.as_dict())
        with contextlib.suppress(RuntimeError):  # the participant has just stopped it too
            await self.stop_single_user(user, server)

    async def start_server(self, course: Course, user: Any, server: str) -> None:
        """Start the course's server for the participant, after the participant's old server has
        stopped."""
        spawner, waited = user.spawners[server], 0.0
        while (spawner.pending or spawner.active) and waited < STOPPING:
            await asyncio.sleep(0.2)
            waited += 0.2
        try:
            await self.spawn_single_user(user, server, options={"tier": course.key})
        except Exception as error:
            self.log.warning("The server of %s was not restarted: %s", user.name, error)

    def note(self, course: Course, what: str) -> None:
        """Log an action of an instructor in the hub's log."""
        self.log.info("Course %s: instructor %s %s", course.key, self.current_user.name, what)
