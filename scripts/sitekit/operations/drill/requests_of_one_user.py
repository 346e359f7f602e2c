"""Send the requests of one user through the site's web server. The user is identified by a
browser's cookies or by an API token."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import websocket

from ...base.errors import Problem
from ...machine.web.config import certificate
from ...site import Site
from .hub_client import LONGEST

ANSWER = 120.0
"""A request fails if the site does not answer within this number of seconds."""
CODE, PRINTS = "print(6 * 7)", "42"
"""The code of the cell that each user runs, and the output of this code."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response of the site: its status, its path after all redirects, and its text."""

    status: int
    path: str
    text: str


def tls_of(site: Site) -> ssl.SSLContext:
    """Return the TLS settings for connections to the site's web server.

    If the site has a self-signed certificate, this certificate is trusted too, because no authority
    signs it.
    """
    context = ssl.create_default_context()
    if site.front.certificate == "self-signed":
        context.load_verify_locations(certificate(site)[0])
    return context


class _OneSite(urllib.request.HTTPRedirectHandler):
    """Follow redirects only within the site. Otherwise, a user's server could redirect the drill,
    which runs as root, to another site."""

    def __init__(self, url: str) -> None:
        self._url = url

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        if not newurl.startswith(f"{self._url}/"):
            raise urllib.error.URLError(f"a redirect leads to another site: {newurl[:100]!r}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Browser:
    """Send the HTTP requests of one user of a drill to the site, as a browser does. If the user has
    an API token, each request contains this token. Otherwise, the object keeps the cookies of the
    site, as a browser does."""

    def __init__(self, site: Site, user: str, tls: ssl.SSLContext, token: str = "") -> None:
        self.user, self.server = user, f"/user/{quote(user, safe='')}/"
        self.cookies = CookieJar()
        self._url, self._tls, self._token = site.front.url, tls, token
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),  # ignore HTTP proxies in the environment
            urllib.request.HTTPSHandler(context=tls),
            urllib.request.HTTPCookieProcessor(self.cookies),
            _OneSite(site.front.url),
        )

    def send(
        self, method: str, path: str, form: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Send a request, follow redirects, and return the response. Raises Problem if the site
        does not respond."""
        with self.opened(method, path, form, body) as answer:
            text = answer.read(LONGEST).decode("utf-8", "replace")
            return Answer(answer.status, urlsplit(answer.url).path, text)

    @contextmanager
    def opened(
        self, method: str, path: str, form: Mapping[str, str] | None = None, body: Any = None
    ) -> Iterator[Any]:
        """Send a request, and yield the open response, which the caller reads. Raises Problem if
        the site does not respond."""
        data = urlencode(form).encode() if form is not None else None
        headers = self._headers(path)
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        url = self._url + path  # always https: a site file with another scheme is refused
        wanted = urllib.request.Request(url, data, headers, method=method)  # noqa: S310
        try:
            answer = self._opener.open(wanted, timeout=ANSWER)
        except urllib.error.HTTPError as refused:
            answer = refused
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"the site did not answer {method} {path}: {error}") from None
        with closing(answer):
            yield answer

    def xsrf(self, path: str) -> str:
        """Return the value of the XSRF cookie (against forged requests) that the page at `path` has
        set."""
        found = [
            (len(cookie.path), cookie.value or "")
            for cookie in self.cookies
            if cookie.name == "_xsrf" and path.startswith(cookie.path)
        ]
        return max(found, default=(0, ""))[1]

    def _headers(self, path: str) -> dict[str, str]:
        headers = {"Referer": f"{self._url}/hub/home", "X-XSRFToken": self.xsrf(path)}
        return {"Authorization": f"token {self._token}"} if self._token else headers

    def run_cell(self) -> None:
        """Open the user's lab, run a cell in a new Python kernel, and check the output of the cell.

        Raises Problem.
        """
        if not self._token:
            lab = self.send("GET", f"{self.server}lab")
            _expect(lab, 200, "the lab")
        specs = _expect(self.send("GET", f"{self.server}api/kernelspecs"), 200, "the kernels")
        made = self.send("POST", f"{self.server}api/kernels", body={"name": python_of(specs)})
        kernel = str(_expect(made, 201, "a new kernel")["id"])
        try:
            with closing(self._connect(kernel)) as channel:
                printed = _run(channel)
        except (OSError, websocket.WebSocketException) as error:
            raise Problem(f"the kernel did not run the cell: {error!r}") from None
        if printed.strip() != PRINTS:
            raise Problem(f"the cell printed {printed[:200]!r}")

    def _connect(self, kernel: str) -> websocket.WebSocket:
        path = f"{self.server}api/kernels/{kernel}/channels"
        headers = [f"{key}: {value}" for key, value in self._headers(path).items()]
        cookies = [
            f"{cookie.name}={cookie.value}"
            for cookie in self.cookies
            if path.startswith(cookie.path)
        ]
        return websocket.create_connection(
            f"{self._url.replace('https', 'wss', 1)}{path}?session_id={uuid.uuid4()}",
            timeout=ANSWER,
            sslopt={"context": self._tls},
            origin=self._url,
            header=headers,
            cookie="; ".join(cookies) or None,
            http_no_proxy=["*"],
        )


def python_of(specs: Mapping[str, Any]) -> str:
    """Return the name of the server's default kernel if it is a Python kernel; else the name of the
    first Python kernel.

    `specs` is the server's list of kernels. Raises Problem if there is no Python kernel.
    """
    found = specs["kernelspecs"]
    pythons = [
        name for name, one in sorted(found.items()) if one["spec"].get("language") == "python"
    ]
    if not pythons:
        raise Problem("the server offers no Python kernel")
    default = specs.get("default")
    return str(default) if default in pythons else pythons[0]


def _run(channel: websocket.WebSocket) -> str:
    """Run the cell in a kernel. Return the text that the cell printed, or the error."""
    number = uuid.uuid4().hex
    header = {"msg_id": number, "msg_type": "execute_request", "version": "5.3"}
    header |= {"username": "", "session": uuid.uuid4().hex, "date": ""}
    content = {"code": CODE, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    channel.send(json.dumps({**message, "channel": "shell", "buffers": []}))
    printed, rest = "", {"execute_reply", "idle"}
    end = time.monotonic() + ANSWER
    while rest and len(printed) < LONGEST:
        if time.monotonic() > end:
            raise Problem(f"the cell did not end within {ANSWER:.0f} s")
        answer = json.loads(channel.recv())
        content = answer["content"]
        kind = content.get("execution_state", answer["msg_type"])
        if kind in ("restarting", "dead"):
            return "the kernel died"
        if answer.get("parent_header", {}).get("msg_id") == number:
            printed += str(content.get("text", "")) if kind == "stream" else ""
            printed += str(content.get("evalue", "")) if kind == "error" else ""
            rest.discard(kind)
    return printed


def _expect(answer: Answer, status: int, what: str) -> Any:
    """Raise Problem if the response does not have the HTTP status `status`. Return the JSON value
    in the response; None for an HTML page."""
    if answer.status != status:
        raise Problem(f"{what}: the answer was {answer.status}: {words_of(answer.text)[:200]}")
    return json.loads(answer.text) if answer.text.startswith(("{", "[")) else None


def words_of(page: str) -> str:
    """Return the text of an HTML page, or of a JSON answer, on one line."""
    body = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())
