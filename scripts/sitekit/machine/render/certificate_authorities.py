"""Create the site's certificate authorities and certificates for internal TLS, with openssl.

The authorities sign certificates for hub, proxy, web server and idle-culler.

An existing certificate is kept if it is still valid, if it contains the hub's current host name or
IP address, and if its authority has not changed. `make apply` renews a certificate when less than a
fifth of its lifetime (one year) is left.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
import time
from pathlib import Path

from ...base.run_program import Argv, run
from ...contracts.internal_tls import (
    PROXY,
    SIGNED_BY,
    SUFFIX,
    Authority,
    Owner,
    authority,
    authority_key,
    certificate_and_key,
)
from ...site import Site
from ...site.types.address_types import is_ip
from ..host.file_to_write import File
from ..host.target import Target

AUTHORITY_DAYS, PAIR_DAYS = 30 * 365, 5 * 365
DAY = 86400
RENEW = 0.2  # a certificate is renewed when this part of its lifetime is left
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

# The authority `servers` can sign certificates only for names of users' servers, not for other
# names or addresses (RFC 5280, 4.2.1.10).
CONFIG = """
[req]
distinguished_name = subject
[subject]
[services]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[servers]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:{suffix}, excluded;IP:0.0.0.0/0.0.0.0, excluded;IP:::/::
[hub]
{leaf}
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {hub}
[proxy]
{leaf}
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = IP:127.0.0.1, DNS:{proxy}
[front]
{leaf}
extendedKeyUsage = clientAuth
[culler]
{leaf}
extendedKeyUsage = clientAuth
"""
LEAF = """basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid"""


def internal_tls_files(target: Target, *, afresh: bool = False) -> dict[Path, File]:
    """Return the two authorities and the four certificates, each with its private key.

    If `afresh` is true, new certificates are created even if the old ones are still valid. Raises
    CommandFailed, and PermissionError for users other than root.
    """
    with tempfile.TemporaryDirectory() as name:
        openssl = _OpenSSL(target, Path(name))
        return openssl.authority("services") | openssl.authority("servers") | openssl.pairs(afresh)


def describe_internal_tls(site: Site) -> str:
    """Return one line about internal TLS for `make status`. Raises CommandFailed."""
    if not site.internal_tls:
        return (
            "off (internal_tls: false): hub and proxy connect to users' servers without encryption"
        )
    ends = (
        run(["openssl", "x509", "-noout", "-enddate", "-in", certificate_and_key(site, "proxy")])
        .stdout.strip()
        .partition("=")[2]
    )
    return f"on; the certificates of hub and proxy are valid until {ends}; make apply renews them"


def internal_tls_paths(site: Site) -> set[Path]:
    """Return the paths of all certificates and keys of internal TLS."""
    signers: tuple[Authority, ...] = ("services", "servers")
    kept = {place(site, name) for name in signers for place in (authority, authority_key)}
    return kept | {certificate_and_key(site, owner) for owner in SIGNED_BY}


class _OpenSSL:
    """Run openssl in a temporary folder that only root can enter."""

    def __init__(self, target: Target, folder: Path) -> None:
        """Write the configuration file of openssl into the temporary folder."""
        self.target, self.site, self.folder = target, target.site, folder
        hub = self.site.hub_listens_at
        config = CONFIG.format(
            suffix=SUFFIX[1:], leaf=LEAF, proxy=PROXY, hub=f"{'IP' if is_ip(hub) else 'DNS'}:{hub}"
        )
        (folder / "config").write_text(config)

    def authority(self, name: Authority) -> dict[Path, File]:
        """Return the certificate and key of an authority. Create the key and the certificate of the
        authority if they do not exist yet. Copies of key and certificate stay in the temporary
        folder, from which pairs() reads the copies."""
        places = [authority(self.site, name), authority_key(self.site, name)]
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        for place, mine in zip(places, (cert, key), strict=True):
            mine.write_text(self._text(place))
        if not self._is_valid(cert, key, signer=cert, days=AUTHORITY_DAYS):
            subject = [
                "-subj",
                f"/CN=sitekit {self.site.name} {name}",
                "-days",
                str(AUTHORITY_DAYS),
                "-extensions",
                name,
            ]
            run(
                [
                    "openssl",
                    "req",
                    "-x509",
                    *self._config(),
                    *CURVE,
                    *subject,
                    "-keyout",
                    key,
                    "-out",
                    cert,
                ]
            )
        owner = "root" if name == "services" else self.site.hub.user
        return {places[0]: File(cert.read_text()), places[1]: File(key.read_text(), 0o400, owner)}

    def pairs(self, afresh: bool) -> dict[Path, File]:
        """Return the certificates of the services with their keys. If one of the services'
        certificates must be renewed, all certificates are renewed.

        Because all certificates are renewed together, all certificates expire on the same day, and
        `make certificate_check` examines only the proxy's certificate.
        """
        accounts: dict[Owner, str] = {
            "hub": self.site.hub.user,
            "proxy": self.site.proxy.user,
            "front": "root",  # the web server reads its certificate before it changes from root to its own account
            "culler": self.site.hub.user,
        }
        kept = {} if afresh else {owner: text for owner in accounts if (text := self._kept(owner))}
        return {
            certificate_and_key(self.site, owner): File(
                kept[owner] if kept.keys() == accounts.keys() else self._sign(owner),
                0o400,
                account,
            )
            for owner, account in accounts.items()
        }

    def _kept(self, owner: Owner) -> str:
        """Return the existing certificate and key of a service as text; "" if the certificate must
        be renewed."""
        mine = self.folder / f"{owner}.found"
        mine.write_text(self._text(certificate_and_key(self.site, owner)))
        signer = self.folder / f"{SIGNED_BY[owner]}.pem"
        name = {"hub": self.site.hub_listens_at, "proxy": PROXY}.get(owner, "")
        return mine.read_text() if self._is_valid(mine, mine, signer, PAIR_DAYS, name) else ""

    def _is_valid(self, cert: Path, key: Path, signer: Path, days: int, name: str = "") -> bool:
        """Return whether the key belongs to the certificate, and whether `signer` (an authority)
        has signed the certificate.

        The certificate must also contain the host name `name`, and must be valid for at least
        `days` days more.
        """
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key)
        except (ssl.SSLError, OSError):
            return False
        until = str(int(time.time() + days * RENEW * DAY))
        names = ["-verify_ip" if is_ip(name) else "-verify_hostname", name] if name else []
        return (
            run(
                ["openssl", "verify", "-attime", until, *names, "-CAfile", signer, cert],
                check=False,
            ).returncode
            == 0
        )

    def _sign(self, owner: Owner) -> str:
        """Create a key and a certificate for a service, signed by the service's authority."""
        request, key, cert = (self.folder / f"{owner}.{kind}" for kind in ("request", "key", "pem"))
        signer, signers_key = (
            self.folder / f"{SIGNED_BY[owner]}.{kind}" for kind in ("pem", "key")
        )
        subject = ["-subj", f"/CN={owner}"]
        run(
            [
                "openssl",
                "req",
                "-new",
                *self._config(),
                *CURVE,
                *subject,
                "-keyout",
                key,
                "-out",
                request,
            ]
        )
        life = ["-days", str(PAIR_DAYS), "-set_serial", f"0x{secrets.token_hex(16)}"]
        usage: Argv = ["-extfile", self.folder / "config", "-extensions", owner]
        by: Argv = ["-CA", signer, "-CAkey", signers_key]
        run(
            ["openssl", "x509", "-req", "-sha256", "-in", request, *by, *life, *usage, "-out", cert]
        )
        # Apache's directive SSLProxyMachineCertificateFile accepts a key only in the old PEM
        # format.
        run(["openssl", "ec", "-in", key, "-out", key])
        return cert.read_text() + key.read_text()

    def _config(self) -> Argv:
        """Return the command-line option that names openssl's configuration file."""
        return ["-config", self.folder / "config"]

    def _text(self, path: Path) -> str:
        """Return the content of a file on the machine; "" if the file does not exist."""
        real = self.target.on_disk(path)
        return real.read_text() if real.is_file() else ""
