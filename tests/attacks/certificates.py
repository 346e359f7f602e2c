"""Certificates in wrong hands: of a server that its user copied, and of nobody's authority."""

from __future__ import annotations

import base64
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path

from sitekit.contracts.internal_tls import authority
from sitekit.machine.web.certificate import self_signed
from sitekit.site import Site

from ..processes import environment_of, processes
from .conftest import Server

SENT = "JUPYTERHUB_SITEKIT_TLS"


def session_process(job: str) -> Path:
    """The process of a job's server, below /proc."""
    for folder in processes():
        with suppress(OSError):
            mine = environment_of(folder.name).get("SLURM_JOB_ID") == job
            if mine and b"session.server" in (folder / "cmdline").read_bytes():
                return folder
    raise AssertionError(f"no process of job {job}")


def sent_to(job: str) -> bytes:
    """Key, certificate and authority, in PEM, as its user can read them in the environment of the
    process."""
    return base64.b64decode(environment_of(session_process(job).name)[SENT])


def context(pem: bytes, *, server: bool = False) -> ssl.SSLContext:
    """For one end of a connection, which shows this certificate and takes any."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    if not server:
        made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        made.load_cert_chain(file.name)
    return made


def certificate_of(server: Server) -> ssl.SSLContext:
    """For calls that a user makes with the certificate of their own server."""
    return context(sent_to(server.job))


def of_nobody(site: Site) -> bytes:
    """A certificate that signs itself."""
    return "".join(self_signed(site)).encode()


def trusting(site: Site, name: str) -> ssl.SSLContext:
    """A client without a certificate, which checks that of the other end."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_verify_locations(authority(site, name))
    return made
