"""A repository behind https on this machine, served by git's own http-backend, with a certificate
of its own."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

WHO = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
WHO |= {
    f"GIT_{who}_{what}": "t@example.org"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


def git(*words: str, cwd: Path) -> str:
    argv = ["git", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(
        argv, cwd=cwd, check=True, capture_output=True, text=True, env={**os.environ, **WHO}
    ).stdout


class Remote:
    """`folder`/work is where commits are made, `folder`/course.git is what is served. `asked`
    counts requests. The server listens on the address `at`, or on this machine's own."""

    def __init__(self, folder: Path, at: str = "") -> None:
        self.folder, self.work = folder, folder / "work"
        self.work.mkdir()
        git("init", "--quiet", cwd=self.work)
        git("init", "--quiet", "--bare", "course.git", cwd=folder)
        git("remote", "add", "origin", str(folder / "course.git"), cwd=self.work)
        name = f"IP:{at}" if at else "DNS:localhost"
        self.certificate, key = folder / "cert.pem", folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-subj", "/CN=localhost", "-addext", f"subjectAltName={name}", "-days", "2",
             "-keyout", str(key), "-out", str(self.certificate)],
            check=True, capture_output=True,
        )  # fmt: skip
        remote, self.asked = self, 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                remote.answer(self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((at or "127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.base = f"https://{at or 'localhost'}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self, message: str) -> None:
        git("add", "--all", ".", cwd=self.work)
        git("commit", "--quiet", "-m", message, cwd=self.work)
        git("push", "--quiet", "origin", "main", cwd=self.work)
        git("symbolic-ref", "HEAD", "refs/heads/main", cwd=self.folder / "course.git")

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        parts = urlsplit(asked.path)
        if parts.path.startswith("/away/"):
            asked.send_response(302)
            asked.send_header(
                "Location", f"file://{self.folder}/course.git/{parts.path[6:]}?{parts.query}"
            )
            asked.end_headers()
            return
        environment = {
            **os.environ,
            **WHO,
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": asked.command,
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
        }
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        done = subprocess.run(
            ["git", "http-backend"], input=body, capture_output=True, env=environment
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if line)
        asked.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            asked.send_header(name, value)
        asked.send_header("Content-Length", str(len(content)))
        asked.end_headers()
        asked.wfile.write(content)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def remote(folder: Path, at: str = "") -> Iterator[Remote]:
    one = Remote(folder, at)
    try:
        yield one
    finally:
        one.close()
