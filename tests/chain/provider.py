"""A provider of logins on this host: OpenID Connect with PKCE, and what GitHub, Globus and CILogon
have of their own.

Who comes says by the cookie `person` who it is. The client has to prove who it is, and that it is
the one that began the login.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

CLIENT, SECRET = "jupyter", "a-secret-of+the&client=s"
AUTHORIZE = ("/authorize", "/login/oauth/authorize", "/v2/oauth2/authorize")
TOKEN = ("/token", "/oauth2/token", "/login/oauth/access_token", "/v2/oauth2/token")
USER = ("/userinfo", "/oauth2/userinfo", "/api/v3/user", "/v2/oauth2/userinfo")
GLOBUS_GROUPS = "/v2/groups/my_groups"


@dataclass
class Known:
    """What the provider knows of a person: the claims, and of what the person is a member."""

    claims: object
    organizations: set[str] = field(default_factory=set)
    groups: list[dict[str, object]] | None = None


class Unproven(Exception):
    """The client or the browser is not what it says."""


@dataclass
class Provider:
    """`people` by the cookie's value; `more` is added to each answer with a token. `host` is the name
    or the address where it answers, after `pause` seconds."""

    port: int
    folder: Path
    host: str = "localhost"
    people: dict[str, Known] = field(default_factory=dict)
    basic_only: bool = True
    more: dict[str, object] = field(default_factory=dict)
    codes: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    pause: float = 0
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    @property
    def certificate(self) -> Path:
        return self.folder / "provider.pem"

    def make_certificate(self) -> None:
        words = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=provider",
        ]
        name = "DNS:localhost" if self.host == "localhost" else f"IP:{self.host}"
        words += ["-addext", f"subjectAltName={name}", "-days", "2"]
        words += ["-keyout", str(self.folder / "key"), "-out", str(self.certificate)]
        subprocess.run(words, check=True, capture_output=True, timeout=300)
        self.certificate.chmod(0o644)

    def begin(self) -> None:
        """Answer from now on, always at the same port."""
        handler = type("Handler", (Answers,), {"provider": self})
        self.server = ThreadingHTTPServer((self.host, self.port), handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.folder / "key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Be down."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def document(self) -> dict[str, object]:
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        ways = ["client_secret_basic"] if self.basic_only else ["client_secret_post"]
        named = {f"{key}_endpoint": f"{self.url}/{path}" for key, path in ends.items()}
        return {"issuer": self.url, "token_endpoint_auth_methods_supported": ways, **named}

    def authorize(self, person: str, query: dict[str, str]) -> str:
        """Where the browser goes next. Raises Unproven."""
        if query.get("client_id") != CLIENT or query.get("code_challenge_method") != "S256":
            raise Unproven
        back = {"state": query["state"]}
        if person not in self.people:
            back |= {"error": "access_denied", "error_description": "you said no"}
        else:
            back["code"] = secrets.token_urlsafe()
            self.codes[back["code"]] = person, query
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, object]:
        """Raises Unproven for a client that cannot prove who it is. A code is good once."""
        person, asked = self.codes.pop(form.get("code", ""), ("", {}))
        client = form.get("client_id"), form.get("client_secret")
        if authorization:
            proof = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            client = tuple(map(unquote_plus, proof.split(":", 1)))
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).rstrip(b"=").decode()
        proven = client == (CLIENT, SECRET) and challenge == asked.get("code_challenge")
        if not (proven and form.get("redirect_uri") == asked["redirect_uri"]):
            raise Unproven
        made, groups = self._new(person), self.people[person].groups
        other = {"resource_server": "groups.api.globus.org", "access_token": self._new(person)}
        of_globus = {} if groups is None else {"other_tokens": [other]}
        return {"access_token": made, "token_type": "bearer", **of_globus, **self.more}

    def _new(self, person: str) -> str:
        token = secrets.token_urlsafe()
        self.access[token] = person
        return token

    def get(self, path: str, authorization: str) -> tuple[int, object]:
        """Status and answer of the API. Raises Unproven."""
        if path == "/.well-known/openid-configuration":
            return 200, self.document()
        person = self.people.get(self.access.get(authorization.split(" ")[-1], ""))
        if person is None:
            raise Unproven
        if path in USER:
            number = self.access[authorization.split(" ")[-1]]
            own = {"sub": number, "id": int.from_bytes(number.encode(), "big")}
            claims = person.claims
            return 200, {**own, **claims} if isinstance(claims, dict) else claims
        if path == GLOBUS_GROUPS:
            return 200, person.groups
        # /api/v3/orgs/ORG/members/USER, /api/v3/orgs/ORG/teams/TEAM/members/USER
        words = path.split("/")
        member = words[4] if len(words) == 7 else f"{words[4]}:{words[6]}"
        return (204, None) if member in person.organizations else (404, {"message": "Not Found"})


class Answers(BaseHTTPRequestHandler):
    """Answer for the provider of the server."""

    provider: Provider

    def do_GET(self) -> None:
        time.sleep(self.provider.pause)
        parts = urlsplit(self.path)
        self.provider.asked.append(parts.path)
        try:
            if parts.path in AUTHORIZE:
                cookie = SimpleCookie(self.headers.get("Cookie", "")).get("person")
                person = cookie.value if cookie else ""
                to = self.provider.authorize(person, dict(parse_qsl(parts.query)))
                self.send_response(302)
                self.send_header("Location", to)
                self.end_headers()
            else:
                self._json(*self.provider.get(parts.path, self.headers.get("Authorization", "")))
        except (Unproven, KeyError, IndexError):
            self._json(401, {"error": "unproven"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            if urlsplit(self.path).path not in TOKEN:
                raise Unproven
            authorization = self.headers.get("Authorization", "")
            self._json(200, self.provider.token(dict(parse_qsl(body)), authorization))
        except (Unproven, KeyError):
            self._json(400, {"error": "invalid_grant"})

    def _json(self, status: int, answer: object) -> None:
        body = b"" if status == 204 else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def providing(provider: Provider) -> Iterator[None]:
    """The provider, answering. Its certificate must exist."""
    provider.begin()
    try:
        yield
    finally:
        provider.stop()
