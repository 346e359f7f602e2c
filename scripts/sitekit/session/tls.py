"""Load the server's TLS certificate and the certificate authority of the hub and the proxy.

The certificate is made for one start of the server. The hub sends key and certificates in the job's
environment, as it sends the API token. This module writes them to temporary files without a name,
because OpenSSL reads keys only from paths. No other user can open these files, and the files
disappear when the process ends.
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
    """Hold the certificate of this server and the authority that the server trusts.

    The authority has signed the certificates of the hub and the proxy, but not those of other
    users' servers.
    """

    def __init__(self, sent: str) -> None:
        parts = re.findall(
            rb"-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n", base64.b64decode(sent)
        )
        key, certificate, authority = parts
        self._own, self._authority = _nameless(key + certificate), _nameless(authority)

    def calling(self) -> ssl.SSLContext:
        """Return a TLS context for connections to the hub. The hub's host name is verified."""
        return self._with(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def answering(self) -> ssl.SSLContext:
        """Return a TLS context for connections from the hub and the proxy.

        The handshake fails for all other clients.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        return self._with(context)

    def _with(self, context: ssl.SSLContext) -> ssl.SSLContext:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(_path(self._own))
        context.load_verify_locations(_path(self._authority))
        return context

    def tell_jupyterhub(self) -> None:
        """Set the environment variables with the paths of the key and the certificates.

        JupyterHub's part of the server reads the variables when it is imported, and the files at
        each of its requests to the hub.
        """
        own = _path(self._own)
        os.environ.update(zip(FOR_JUPYTERHUB, (own, own, _path(self._authority)), strict=True))


def take_identity() -> Identity | None:
    """Return the certificate that the hub sent, and remove it from the environment.

    Return None if the hub does not use internal TLS.
    """
    sent = os.environ.pop(SENT, "")
    return Identity(sent) if sent else None


def forget_names() -> None:
    """Remove the variables with the paths of the TLS files.

    In the processes of kernels and terminals these paths would refer to other files.
    """
    for name in FOR_JUPYTERHUB:
        os.environ.pop(name, None)


def _nameless(content: bytes) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  (open as long as the server runs)
    file.write(content)
    file.flush()
    return file


def _path(file: IO[bytes]) -> str:
    return f"/proc/self/fd/{file.fileno()}"
