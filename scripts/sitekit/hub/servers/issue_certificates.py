"""Issue a short-lived certificate for each start of a server.

The server's private key is only in the server's job: the hub does not store the key. The hub needs
about a millisecond to issue one certificate.

JupyterHub's own internal_ssl gives all starts of a user's servers one pair of key and certificate,
valid for five years. Because the names in that certificate are the same for all users, the
certificate of one user is accepted for another user's server (spawner.py, create_certs). This
module uses the library `cryptography`, which JupyterHub installs for its internal_ssl.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ...contracts.internal_tls import authority, authority_key, name_of
from ...site import Site

SKEW = timedelta(hours=1)  # allowed difference between the clocks of hub and node


class Certificates:
    """Sign certificates of servers with the authority `servers`, whose key is read once."""

    def __init__(self, site: Site) -> None:
        self._authority = x509.load_pem_x509_certificate(authority(site, "servers").read_bytes())
        key: Any = serialization.load_pem_private_key(
            authority_key(site, "servers").read_bytes(), None
        )
        self._key: ec.EllipticCurvePrivateKey = key
        self._services = authority(site, "services").read_bytes()

    def issue(self, tag: str, lasts: timedelta) -> str:
        """Return the key and the certificates that a server needs for TLS, as one line of base64.

        The line encodes three things in PEM: the server's key, the server's certificate, and the
        certificate of the authority with which the server verifies the hub and the proxy.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._signed(tag, key.public_key(), lasts).public_bytes(serialization.Encoding.PEM)
        plain = serialization.NoEncryption()
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
        )
        return base64.b64encode(secret + cert + self._services).decode()

    def _signed(
        self, tag: str, key: ec.EllipticCurvePublicKey, lasts: timedelta
    ) -> x509.Certificate:
        """Return a signed certificate for this tag and public key."""
        now = datetime.now(timezone.utc)
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, tag)]))
            .issuer_name(self._authority.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - SKEW)
            .not_valid_after(now + lasts + SKEW)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            # the key may be used for digitalSignature only
            .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
            .add_extension(x509.ExtendedKeyUsage(both), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(name_of(tag))]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(self._identifier_of_the_authority(), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _identifier_of_the_authority(self) -> x509.AuthorityKeyIdentifier:
        """Return the authority's key identifier, for the certificate's extension."""
        known = self._authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)
