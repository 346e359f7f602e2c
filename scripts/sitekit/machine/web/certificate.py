"""Certificates: whom one is for, how long it lasts, and one of our own. All of it is openssl's
word."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...base.command import run
from ...site import Site
from ...site.address_types import is_ip

# the longest that browsers take without complaint, for certificates from private hands
VALID_DAYS = 825


def names(site: Site) -> list[str]:
    """The names that the site's certificate has to cover."""
    return [site.front.host, *([f"*.{site.front.host}"] if site.front.subdomains else [])]


def is_for(certificate: Path, name: str) -> bool:
    """A wildcard is asked for by a name that it covers. Raises CommandFailed where there is no
    openssl."""
    kind, name = "-checkip" if is_ip(name) else "-checkhost", name.replace("*", "user")
    told = run(["openssl", "x509", "-in", certificate, "-noout", kind, name], check=False)
    return told.returncode == 0 and "does match" in told.stdout


def lasts(certificate: Path, seconds: int) -> bool:
    """Whether it stays valid for so long."""
    done = run(
        ["openssl", "x509", "-in", certificate, "-noout", "-checkend", str(seconds)], check=False
    )
    return done.returncode == 0


def fits(certificate: Path, key: Path) -> bool:
    """Whether the key is that of the certificate; also where it cannot be told, such as for one
    with a passphrase."""
    of_certificate = run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=False)
    of_key = run(["openssl", "pkey", "-in", key, "-passin", "pass:", "-pubout"], check=False)
    told = of_certificate.returncode == of_key.returncode == 0
    return not told or of_certificate.stdout.split() == of_key.stdout.split()


def has_passphrase(key: Path) -> bool:
    """Whether a web server would have to ask somebody when it starts."""
    return "ENCRYPTED" in key.read_text(errors="replace")


def serves(certificate: Path, site: Site, seconds: int) -> bool:
    """Whether it is for all of the site's names, and stays valid for so long."""
    return all(is_for(certificate, name) for name in names(site)) and lasts(certificate, seconds)


def self_signed(site: Site) -> tuple[str, str]:
    """(certificate, key) for the site's names, in PEM. Raises CommandFailed."""
    covered = [f"{'IP' if is_ip(name) else 'DNS'}:{name}" for name in names(site)]
    if site.front.host == "localhost":
        covered.append("IP:127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        # A common name is at most 64 characters long (RFC 5280); what counts is the alternative
        # name.
        whose = [
            "-subj",
            f"/CN={site.front.host[:64]}",
            "-addext",
            f"subjectAltName={','.join(covered)}",
        ]
        usage = [
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            "extendedKeyUsage=serverAuth",
        ]
        run(
            [
                "openssl",
                "req",
                "-x509",
                *kind,
                "-days",
                str(VALID_DAYS),
                *whose,
                *usage,
                "-keyout",
                key,
                "-out",
                cert,
            ]
        )
        return cert.read_text(), key.read_text()
