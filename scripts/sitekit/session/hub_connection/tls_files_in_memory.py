"""Store three texts in files in memory: this server's TLS certificate, its key, and the certificate
of the authority that signs the certificates of hub and proxy.

The hub sends these texts in the job's environment, like the token. The files in memory are made
with memfd_create(2). No other user can open these files, and Linux deletes the files when the
process ends. The files are necessary because OpenSSL reads keys only from files.
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
    """Hold the server's key and certificate, and the certificate of the authority that the server
    trusts. The trusted authority signs the certificates of hub and proxy, but not the certificates
    of users' servers.
    """

    def __init__(self, sent: str) -> None:
        parts = re.findall(
            rb"-----BEGIN [^-]+-----[^-]+-----END [^-]+-----\n", base64.b64decode(sent)
        )
        key, certificate, authority = parts
        self._own, self._authority = _nameless(key + certificate), _nameless(authority)

    def calling(self) -> ssl.SSLContext:
        """Return the TLS context for connections to the hub; the TLS context checks the name in the
        hub's certificate."""
        return self._with(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def answering(self) -> ssl.SSLContext:
        """Return the TLS context for connections from hub and proxy.

        If any other program connects, the handshake fails.
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
        """Set JupyterHub's variables to the paths of key, certificate and authority.

        JupyterHub's single-user extension reads these environment variables when the extension is
        imported, and reads the files for each connection.
        """
        own = _path(self._own)
        os.environ.update(zip(FOR_JUPYTERHUB, (own, own, _path(self._authority)), strict=True))


def take_identity() -> Identity | None:
    """Remove from the environment the certificate that the hub has put there, and return this
    certificate as an Identity.

    Returns None if the hub has no internal TLS.
    """
    sent = os.environ.pop(SENT, "")
    return Identity(sent) if sent else None


def forget_names() -> None:
    """Remove JupyterHub's variables with the paths of key and certificate from the environment.

    The paths are valid only in the server's own process. In the processes of kernels and terminals,
    the same paths refer to other files.
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
