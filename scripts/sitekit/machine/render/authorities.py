"""The site's own authorities, and what they sign for hub, proxy, front and culler (internal.py), by
openssl.

What stands on the machine is kept as long as it serves: until a fifth of its life is left, and as
long as its authority and the hub's address are the same. `make apply` looks; so each apply in the
last year of a certificate renews it.
"""

from __future__ import annotations

import secrets
import ssl
import tempfile
import time
from pathlib import Path

from ...base.command import Argv, run
from ...contracts.internal_tls import (
    PROXY,
    SIGNED_BY,
    SUFFIX,
    Authority,
    Owner,
    authority,
    authority_key,
    pair,
)
from ...site import Site
from ...site.address_types import is_ip
from ..host.file import File
from ..host.target import Target

AUTHORITY_DAYS, PAIR_DAYS = 30 * 365, 5 * 365
DAY = 86400
RENEW = 0.2  # of a life: so much of it is left when a new one is made
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

# An authority of servers can sign no name and no address but servers' names (RFC 5280, 4.2.1.10).
CONFIG = """
[req]
distinguished_name = whose
[whose]
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


def internal(target: Target, *, afresh: bool = False) -> dict[Path, File]:
    """Both authorities and the four pairs. `afresh`: the pairs are new even where the old ones
    serve.

    Raises CommandFailed, and PermissionError for anybody but root.
    """
    with tempfile.TemporaryDirectory() as name:
        works = _Works(target, Path(name))
        return works.authority("services") | works.authority("servers") | works.pairs(afresh)


def told(site: Site) -> str:
    """For `make status`. Raises CommandFailed."""
    if not site.internal_tls:
        return "off (internal_tls: false): hub and proxy speak to users' servers in the clear"
    ends = (
        run(["openssl", "x509", "-noout", "-enddate", "-in", pair(site, "proxy")])
        .stdout.strip()
        .partition("=")[2]
    )
    return f"on; the certificates of hub and proxy last until {ends}; make apply renews them"


def made_for(site: Site) -> set[Path]:
    """Where they lie."""
    signers: tuple[Authority, ...] = ("services", "servers")
    kept = {place(site, name) for name in signers for place in (authority, authority_key)}
    return kept | {pair(site, owner) for owner in SIGNED_BY}


class _Works:
    """openssl, in a folder that only root can enter and that is removed afterwards."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.site, self.folder = target, target.site, folder
        hub = self.site.hub.address
        config = CONFIG.format(
            suffix=SUFFIX[1:], leaf=LEAF, proxy=PROXY, hub=f"{'IP' if is_ip(hub) else 'DNS'}:{hub}"
        )
        (folder / "config").write_text(config)

    def authority(self, name: Authority) -> dict[Path, File]:
        """Certificate and key; they are in the folder as well afterwards, for pairs()."""
        places = [authority(self.site, name), authority_key(self.site, name)]
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        for place, mine in zip(places, (cert, key), strict=True):
            mine.write_text(self._text(place))
        if not self._serves(cert, key, signer=cert, days=AUTHORITY_DAYS):
            whose = [
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
                    *whose,
                    "-keyout",
                    key,
                    "-out",
                    cert,
                ]
            )
        owner = "root" if name == "services" else self.site.hub.user
        return {places[0]: File(cert.read_text()), places[1]: File(key.read_text(), 0o400, owner)}

    def pairs(self, afresh: bool) -> dict[Path, File]:
        """Where one has to be new all are: they end on one day, of which `make certificate_check`
        sees the proxy's."""
        accounts: dict[Owner, str] = {
            "hub": self.site.hub.user,
            "proxy": self.site.proxy.user,
            "front": "root",  # as which the web server reads it
            "culler": self.site.hub.user,
        }
        kept = {} if afresh else {owner: text for owner in accounts if (text := self._kept(owner))}
        return {
            pair(self.site, owner): File(
                kept[owner] if kept.keys() == accounts.keys() else self._signed(owner),
                0o400,
                account,
            )
            for owner, account in accounts.items()
        }

    def _kept(self, owner: Owner) -> str:
        """What stands there and serves; "" for none."""
        mine = self.folder / f"{owner}.found"
        mine.write_text(self._text(pair(self.site, owner)))
        signer = self.folder / f"{SIGNED_BY[owner]}.pem"
        name = {"hub": self.site.hub.address, "proxy": PROXY}.get(owner, "")
        return mine.read_text() if self._serves(mine, mine, signer, PAIR_DAYS, name) else ""

    def _serves(self, cert: Path, key: Path, signer: Path, days: int, name: str = "") -> bool:
        """Whether the key is the certificate's, and its authority vouches for it, and for `name`,
        until it is due."""
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

    def _signed(self, owner: Owner) -> str:
        request, key, cert = (self.folder / f"{owner}.{kind}" for kind in ("request", "key", "pem"))
        signer, signers_key = (
            self.folder / f"{SIGNED_BY[owner]}.{kind}" for kind in ("pem", "key")
        )
        whose = ["-subj", f"/CN={owner}"]
        run(
            [
                "openssl",
                "req",
                "-new",
                *self._config(),
                *CURVE,
                *whose,
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
        run(
            ["openssl", "ec", "-in", key, "-out", key]
        )  # the old form: Apache reads no other (SSLProxyMachineCertificateFile)
        return cert.read_text() + key.read_text()

    def _config(self) -> Argv:
        return ["-config", self.folder / "config"]

    def _text(self, path: Path) -> str:
        """What stands there; "" for nothing."""
        real = self.target.on_disk(path)
        return real.read_text() if real.is_file() else ""
