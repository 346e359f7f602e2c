"""Issue the key and the certificate with which a server's job opens its tunnel.

The key is only in the environment of its job: the hub does not store the key. The certificate is
for one server, allows only the forwarding of ports, and is valid until the server's time limit. The
program tunnel_principals decides which ports may be forwarded.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
)

from ...base.public_key_path import public_key
from ...contracts.tunnel_paths import authority, host, host_key
from ...site import Site

SKEW = 60  # seconds by which the clock of the hub's machine can be set back or forward without harm


class TunnelCertificates:
    """Sign certificates for tunnels with the site's authority, whose key is read once."""

    def __init__(self, site: Site) -> None:
        assert site.tunnel is not None, "only a site with tunnels has the keys"  # noqa: S101
        self._authority: Any = load_ssh_private_key(authority(site).read_bytes(), None)
        kind, key, *_ = public_key(host_key(site)).read_text().split()
        self._to = {
            "host": host(site),
            "port": site.tunnel.port,
            "user": site.tunnel.user,
            "host_key": f"{kind} {key}",
        }

    def issue(self, tag: str, port: int, lasts: timedelta) -> str:
        """Return the key, the certificate and the ports with which the job opens its tunnel, as
        JSON in one line of ASCII.

        `port` is the server's port on the hub's machine.
        """
        key = ed25519.Ed25519PrivateKey.generate()
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        certificate = self._signed(tag, key.public_key(), lasts)
        sent = {"listen": port, "key": secret.decode(), "certificate": certificate}
        return json.dumps(self._to | sent)

    def _signed(self, tag: str, key: ed25519.Ed25519PublicKey, lasts: timedelta) -> str:
        """Return a signed certificate for this tag and public key, as ssh-keygen(1) writes it."""
        now = int(time.time())
        certificate = (
            SSHCertificateBuilder()
            .public_key(key)
            .serial(time.time_ns() // 1000)
            .type(SSHCertificateType.USER)
            .key_id(tag.encode())
            .valid_principals([tag.encode()])
            .valid_after(now - SKEW)
            .valid_before(now + int(lasts.total_seconds()) + SKEW)
            .add_extension(b"permit-port-forwarding", b"")
            .sign(self._authority)
        )
        return certificate.public_bytes().decode()
