"""Handle nbgitpuller's links (/git-pull), as an extension of Jupyter Server. The server pulls a
repository only after the user has confirmed the pull on a page.

nbgitpuller 1.3 shows text from the URL as HTML (handlers.py, jinja_env without autoescape). In
nbgitpuller, any website that makes the browser open git-pull/api can write files from any git URL
to any folder. Because of these faults, the server does not load nbgitpuller's own handlers
(environment/release/configure_release.py). check_pull_link.py checks the link, and GitPuller pulls
(pull_in_subprocess.py).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from html import escape
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from ..courses.check_pull_link import Pull, Refused, check_link
from ..http_requests import confirm_action_page, request_origin

FIELDS = (
    *("repo", "branch", "depth", "backup", "targetpath", "targetPath"),
    *("urlpath", "urlPath", "subpath", "subPath", "app"),
)
LONGEST = 10_000  # the page shows at most this many characters of output

_turn = asyncio.Lock()


class PullHandler(JupyterHandler):
    """Handle /git-pull: GET shows a page for confirmation, POST pulls and shows the output."""

    @web.authenticated
    async def get(self) -> None:
        arguments = {
            name: self.get_query_argument(name)
            for name in FIELDS
            if self.get_query_argument(name, "")
        }
        if (pull := self.allowed(arguments)) is None:
            return
        facts = {
            "From": pull.repo,
            "Branch": pull.branch or "the repository's default",
            "Into": str(pull.folder),
        }
        if pull.exists:
            facts["What is there"] = (
                "is kept beside it, under another name"
                if pull.backup
                else "is updated; your changes stay"
            )
        confirm_action_page.begin(self, "Pull this repository?", {**facts, "Then opens": pull.page})
        fields = {**arguments, "_xsrf": self.xsrf_token.decode()}
        self.write(
            "<p>You followed a link to this page. Pull only a repository that you or your course trust.</p>"
        )
        self.finish(
            confirm_action_page.form(url_path_join(self.base_url, "git-pull"), fields, "Pull")
        )

    @web.authenticated
    async def post(self) -> None:
        if request_origin.is_foreign(self):
            raise web.HTTPError(403, "no page of another site may pull")
        arguments = {
            name: self.get_body_argument(name)
            for name in FIELDS
            if self.get_body_argument(name, "")
        }
        if (pull := self.allowed(arguments)) is None:
            return
        confirm_action_page.begin(self, f"Pulling into {pull.folder.name}", {"From": pull.repo})
        if _turn.locked():
            self.finish("<p>Another pull is running. Try again when it has ended.</p>")
            return
        async with _turn:
            code = await self.show(pull)
        page = url_path_join(self.base_url, pull.page)
        if code == 0:
            self.write(f'<p>Done.</p><meta http-equiv="refresh" content="1; url={escape(page)}">')
        else:
            self.write("<p>The pull failed. Above are the last messages of git.</p>")
        self.finish(confirm_action_page.link(page, "Open it" if code == 0 else "Go on without it"))

    def allowed(self, arguments: dict[str, str]) -> Pull | None:
        """Return the checked arguments of the link.

        If the link is refused, write the reason to the HTTP response, and return None.
        """
        site = self.settings.get("sitekit", {})
        root = Path(self.settings["server_root_dir"]).expanduser()
        try:
            return check_link(arguments, site.get("git_pull", ()), root, site.get("links", ()))
        except (Refused, OSError) as why:
            self.set_status(403)
            confirm_action_page.begin(self, "Nothing is pulled", {"Why": str(why)})
            self.finish(confirm_action_page.link(self.base_url, "To your server"))
            return None

    async def show(self, pull: Pull) -> int:
        """Run the program that pulls the repository, send the program's output to the page, and
        return its exit code. If the user closes the page, the program continues.
        """
        settings = json.dumps({**dataclasses.asdict(pull), "folder": str(pull.folder)})
        program = (
            sys.executable,
            "-I",
            str(Path(__file__).with_name("pull_in_subprocess.py")),
            settings,
        )
        child = await asyncio.create_subprocess_exec(
            *program, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
        self.write("<pre>")
        shown = 0
        while child.stdout and (text := (await child.stdout.read(4096)).decode(errors="replace")):
            if shown < LONGEST:
                self.write(escape(text))
                shown += len(text)
                try:
                    await self.flush()
                except StreamClosedError:
                    shown = LONGEST
        self.write("</pre>")
        return await child.wait()


class OldHandler(JupyterHandler):
    """Redirect /git-sync, which older links contain, to /git-pull."""

    @web.authenticated
    def get(self) -> None:
        self.redirect(f"{url_path_join(self.base_url, 'git-pull')}?{self.request.query}")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "sitekit.session.overrides.pull_guard"}]


def _load_jupyter_server_extension(server: Any) -> None:
    base = server.web_app.settings["base_url"]
    handlers = [
        (url_path_join(base, "git-pull"), PullHandler),
        (url_path_join(base, "git-sync"), OldHandler),
    ]
    server.web_app.add_handlers(".*", handlers)
