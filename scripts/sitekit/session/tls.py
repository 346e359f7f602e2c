"""A server's TLS: its certificate, made for this start alone, and the authority that hub and proxy
are known by.

The hub sends both with the job's environment, as it does the token. From there they go into files
without a name, which are gone with the process however that ends; no other user could ever open
them. (OpenSSL reads keys from paths only.)
"""

from __future__ import annotations

import base64
import os
import re
import ssl
import tempfile
from typing import IO

SENT = "JUPYTERHUB_SITEKIT_TLS"
FOR_JUPYTERHUB = ("JUPYTERHUB_SSL_KEYFILE", "JUPYTERHUB_SSL_CERTFILE", "JUPYTERHUB_SSL_CLIENT_CA")


class Identity:
    """Who this server is, and whom it trusts: the authority of hub and proxy, and no other user's
    server."""

    def __init__(self, sent: str) -> None:
        parts = re.findall(
            rb"-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n", base64.b64decode(sent)
        )
        key, certificate, authority = parts
        self._own, self._authority = _nameless(key + certificate), _nameless(authority)

    def calling(self) -> ssl.SSLContext:
        """For connections to the hub. Its name is checked."""
        return self._with(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def answering(self) -> ssl.SSLContext:
        """For connections from hub and proxy. Nobody else gets further than the handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._with(context)

    def _with(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(_path(self._own))
        context.load_verify_locations(_path(self._authority))
        return context

    def tell_jupyterhub(self) -> None:
        """JupyterHub's part of the server reads these when it is imported, and the files at each of
        its calls."""
        own = _path(self._own)
        os.environ.update(zip(FOR_JUPYTERHUB, (own, own, _path(self._authority)), strict=True))


def take_identity() -> Identity | None:
    """What the hub sent, out of the environment; None from a hub without internal TLS."""
    sent = os.environ.pop(SENT, "")
    return Identity(sent) if sent else None


def forget_names() -> None:
    """Kernels and terminals need not know; in their processes these paths mean other files."""
    for name in FOR_JUPYTERHUB:
        os.environ.pop(name, None)


def _nameless(content: bytes) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the server runs)
    file.write(content)
    file.flush()
    return file


def _path(file: IO[bytes]) -> str:
    return f"/proc/self/fd/{file.fileno()}"
