"""A small OpenID Connect provider: everybody who comes is Dave, and the client has to prove who it
is."""

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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

CLIENT, SECRET = "jupyter", "a-secret-of-the-client's"
TOKEN = "access-token-that-nobody-behind-the-front-may-see"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _int(number: str) -> str:
    return _b64(bytes.fromhex(number))


@dataclass
class Provider:
    """`signs_with` is the key of its tokens; it publishes that of `key`. `refuses`: it lets nobody
    in."""

    port: int
    folder: Path
    refuses: bool = False
    forges: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"https://localhost:{self.port}"

    def make_keys(self) -> None:
        for name in ("key", "other"):
            self._openssl("genrsa", "-out", self.folder / name, "2048")
        names = ("-addext", "subjectAltName=DNS:localhost")
        self._openssl(
            "req", "-x509", "-key", self.folder / "key", "-subj", "/CN=x", *names, "-out", self.cert
        )

    @property
    def cert(self) -> Path:
        return self.folder / "cert"

    def document(self) -> dict[str, object]:
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                **{f"{key}_endpoint": f"{self.issuer}/{path}" for key, path in ends.items()}}  # fmt: skip

    def keys(self) -> dict[str, object]:
        told = self._openssl("rsa", "-in", self.folder / "key", "-noout", "-modulus").decode()
        return {"keys": [{"kty": "RSA", "use": "sig", "kid": "1", "alg": "RS256", "e": "AQAB",
                          "n": _int(told.strip().removeprefix("Modulus="))}]}  # fmt: skip

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser goes next."""
        if self.refuses:
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = secrets.token_urlsafe()
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, object]:
        """Raises KeyError or AssertionError for a client that cannot prove who it is."""
        asked = self.codes.pop(form["code"])
        proof = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        assert unquote(proof) == f"{CLIENT}:{SECRET}"
        assert asked["client_id"] == CLIENT and asked["redirect_uri"] == form["redirect_uri"]
        assert (
            _b64(hashlib.sha256(form["code_verifier"].encode()).digest()) == asked["code_challenge"]
        )
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": "dave", "aud": CLIENT, "iat": now, "exp": now + 300}
        return {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300,
                "id_token": self._signed(claims | {"nonce": asked["nonce"]})}  # fmt: skip

    def _signed(self, claims: dict[str, object]) -> str:
        head = (
            _b64(json.dumps({"alg": "RS256", "kid": "1"}).encode())
            + "."
            + _b64(json.dumps(claims).encode())
        )
        key = self.folder / ("other" if self.forges else "key")
        return f"{head}.{_b64(self._openssl('dgst', '-sha256', '-sign', key, stdin=head))}"

    def _openssl(self, *words: object, stdin: str = "") -> bytes:
        argv = ["openssl", *map(str, words)]
        return subprocess.run(argv, input=stdin.encode(), capture_output=True, check=True).stdout


@contextmanager
def providing(provider: Provider) -> Iterator[None]:
    """The provider, answering."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, query = urlsplit(self.path).path, dict(parse_qsl(urlsplit(self.path).query))
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(query))
                self.end_headers()
            else:
                known = {
                    "/.well-known/openid-configuration": provider.document,
                    "/keys": provider.keys,
                }
                self._json(known[path]() if path in known else {"sub": "dave"})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            try:
                answer = provider.token(
                    {key: value[0] for key, value in form.items()}, self.headers["Authorization"]
                )
            except (KeyError, AssertionError):
                self.send_error(400)
            else:
                self._json(answer)

        def _json(self, answer: dict[str, object]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    provider.make_keys()
    server = ThreadingHTTPServer(("127.0.0.1", provider.port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(provider.cert, provider.folder / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
