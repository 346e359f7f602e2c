"""Act as a user of the hub: log in, choose a tier, wait for the server, run code in a kernel.

All requests use HTTPS, like those of a browser.
"""

from __future__ import annotations

import contextlib
import html
import json
import queue
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import websocket


class Person:
    """A cluster user with a session at the hub. `base` is the URL of the site."""

    def __init__(self, name: str, password: str, base: str) -> None:
        self.name, self.password, self.base = name, password, base
        # Apache closes a connection that is idle for some seconds. A request that is sent at that
        # moment would fail. Therefore each request has its own connection.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.http = httpx.Client(
            base_url=base,
            verify=False,  # noqa: S501  (self-signed)
            follow_redirects=True,
            timeout=120,
            limits=limits,
        )

    def close(self) -> None:
        self.http.close()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- the hub -----------------------------------------------------------------------------------------------

    def xsrf(self, path: str = "/hub/") -> str:
        return next(
            (c.value for c in self.http.cookies.jar if c.name == "_xsrf" and c.path == path), ""
        )

    def login(self, password: str | None = None) -> httpx.Response:
        page = self.http.get("/hub/login")
        found = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        form = {
            "username": self.name,
            "password": password or self.password,
            "_xsrf": html.unescape(found[1]) if found else "",
        }
        return self.http.post("/hub/login", data=form)

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Call JupyterHub's REST API with this user's session."""
        sent = {"X-XSRFToken": self.xsrf(), "Referer": f"{self.base}/hub/home", **headers}
        return self.http.request(method, f"/hub/api{path}", json=body, headers=sent)

    def form(self, query: str = "") -> str:
        return self.http.get(f"/hub/spawn{query}").text

    def choose(self, tier: str, name: str = "") -> httpx.Response:
        """Choose a tier in the form; return the response to the POST, which may be a redirect."""
        return self.submit({"tier": tier}, name)

    def submit(self, fields: dict[str, str], name: str = "") -> httpx.Response:
        """Submit the form with these fields."""
        page = self.http.get(f"/hub/spawn/{self.name}/{name}".rstrip("/")).text
        action = re.search(r'<form[^>]*id="spawn_form"[^>]*action="([^"]*)"', page)
        url = html.unescape(action[1]) if action else f"/hub/spawn/{self.name}"
        url += ("&" if "?" in url else "?") + f"_xsrf={self.xsrf()}"
        return self.http.post(url, data={**fields, "_xsrf": self.xsrf()}, follow_redirects=False)

    def progress(self, name: str = "") -> Iterator[dict[str, Any]]:
        """Yield the events of the progress page until the server is ready or has failed."""
        path = (
            f"/hub/api/users/{self.name}/" + (f"servers/{name}" if name else "server") + "/progress"
        )
        headers = {
            "Accept": "text/event-stream",
            "X-XSRFToken": self.xsrf(),
            "Referer": f"{self.base}/hub/home",
        }
        with self.http.stream(
            "GET", path, headers=headers, params={"_xsrf": self.xsrf()}
        ) as answer:
            if answer.status_code != 200:
                answer.read()
                raise AssertionError(f"progress answered {answer.status_code}: {answer.text[:300]}")
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    event = json.loads(line[5:])
                    yield event
                    if event.get("ready") or event.get("failed"):
                        return

    def start(self, tier: str, name: str = "") -> list[dict[str, Any]]:
        """Choose a tier, wait until the server is ready or has failed, and return the events."""
        answer = self.choose(tier, name)
        assert answer.status_code == 302, (
            f"the form answered {answer.status_code}: {_words(answer.text)}"
        )
        return list(self.progress(name))

    def server(self, name: str = "") -> dict[str, Any] | None:
        """Return JupyterHub's model of this user's server; None if there is no server."""
        return self.api("GET", f"/users/{self.name}").json().get("servers", {}).get(name)

    def stop(self, name: str = "") -> httpx.Response:
        return self.api(
            "DELETE", f"/users/{self.name}/" + (f"servers/{name}" if name else "server")
        )

    def stop_and_wait(self, name: str = "", patience: float = 240) -> None:
        """Stop the server, and wait until the hub does not list it any more.

        A hub that has restarted answers 500 as long as it checks whether the server runs.
        """
        answer = self.stop(name)
        deadline = time.monotonic() + patience
        while self.server(name) is not None:
            assert time.monotonic() < deadline, f"the server did not stop: {answer.text[:300]}"
            time.sleep(0.3)
            if answer.status_code >= 500:
                answer = self.stop(name)

    # --- the server ----------------------------------------------------------------------------------------------

    def lab(self, name: str = "") -> httpx.Response:
        return self.http.get(f"/user/{self.name}/{name + '/' if name else ''}lab")

    def server_path(self, name: str) -> str:
        return f"/user/{self.name}/{name + '/' if name else ''}"

    def server_api(
        self, method: str, path: str, body: Any = None, name: str = ""
    ) -> httpx.Response:
        """Call the REST API of the user's server. Opens the lab first, which sets the cookies; if
        the lab does not open, returns its answer."""
        base = self.server_path(name)
        if not self.xsrf(base) and (opened := self.lab(name)).status_code != 200:
            return opened
        headers = {"X-XSRFToken": self.xsrf(base), "Referer": f"{self.base}{base}lab"}
        return self.http.request(method, f"{base}api/{path}", json=body, headers=headers)

    def kernelspecs(self, name: str = "") -> dict[str, Any]:
        answer = self.server_api("GET", "kernelspecs", name=name)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text[:500]}"
        return answer.json()["kernelspecs"]

    def kernel(self, spec: str, name: str = "", patience: float = 120) -> Kernel:
        answer = self.server_api("POST", "kernels", {"name": spec}, name=name)
        assert answer.status_code == 201, answer.text[:500]
        return Kernel(self, answer.json()["id"], self.server_path(name), patience)


class Kernel:
    """A running kernel, used over its WebSocket through the front and the proxy.

    `patience` is the longest time in seconds until the connection is made, and for each message.
    """

    def __init__(self, person: Person, number: str, base: str, patience: float = 120) -> None:
        self.person, self.id = person, number
        cookies = "; ".join(
            f"{c.name}={c.value}" for c in person.http.cookies.jar if c.path in ("/", base)
        )
        self.socket = websocket.create_connection(
            person.base.replace("https", "wss")
            + f"{base}api/kernels/{number}/channels?session_id={uuid.uuid4()}",
            sslopt={"cert_reqs": ssl.CERT_NONE},
            cookie=cookies,
            origin=person.base,
            timeout=patience,
        )
        self.socket.settimeout(None)
        self._patience = patience
        self._messages: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Read all messages as they come. Like a browser, this answers the server's pings at any
        time: a server closes a connection whose pings nobody answers."""
        with contextlib.suppress(websocket.WebSocketException, OSError):
            while text := self.socket.recv():
                self._messages.put(text)
        self._messages.put("")

    def begin(self, code: str) -> str:
        """Send `code` to the kernel, do not wait for the result, and return the message's id."""
        number = uuid.uuid4().hex
        header = {
            "msg_id": number,
            "username": "",
            "session": uuid.uuid4().hex,
            "msg_type": "execute_request",
            "version": "5.3",
            "date": "",
        }
        content = {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        }
        message = {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }
        self.socket.send(json.dumps(message))
        return number

    def run(self, code: str) -> str:
        """Execute `code`; return what it printed, or `ERROR name: value`.

        Raises KernelDied if the kernel restarts.
        """
        number = self.begin(code)
        # the two messages arrive on different channels, in either order
        printed, open_ends = "", {"reply", "idle"}
        while open_ends:
            answer = self.receive()
            kind, content = answer["msg_type"], answer["content"]
            if kind == "status" and content["execution_state"] in ("restarting", "dead"):
                raise KernelDied(content["execution_state"])
            if answer.get("parent_header", {}).get("msg_id") != number:
                continue
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                printed += f"ERROR {content['ename']}: {content['evalue']}"
            elif kind == "execute_reply":
                open_ends.discard("reply")
            elif kind == "status" and content["execution_state"] == "idle":
                open_ends.discard("idle")
        return printed.strip()

    def receive(self) -> dict[str, Any]:
        """Return the next message. Raises WebSocketException if none comes any more, or in time."""
        try:
            text = self._messages.get(timeout=self._patience)
        except queue.Empty:
            silence = f"no message within {self._patience:g} s"
            raise websocket.WebSocketTimeoutException(silence) from None
        if not text:
            raise websocket.WebSocketConnectionClosedException("the server has closed it")
        message: dict[str, Any] = json.loads(text)
        return message

    def close(self) -> None:
        """End the connection, and close its socket when nothing reads from it any more.

        The number of a closed socket goes to the next connection. A thread that still reads from
        this number would take the first bytes of the next connection.
        """
        with contextlib.suppress(websocket.WebSocketException, OSError):
            self.socket.send_close()
        self._reader.join(10)
        if (sock := self.socket.sock) is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self._reader.join(60)
        self.socket.shutdown()


class KernelDied(Exception):
    """The server reported that the kernel process ended."""


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))[:600]
