"""Check TLS certificates and keys with openssl, and create self-signed certificates."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ...base.run_program import run
from ...site import Site
from ...site.types.address_types import is_ip

# days that a self-signed certificate is valid; browsers accept no longer validity from private
# authorities
VALID_DAYS = 825


def names(site: Site) -> list[str]:
    """Return the host names that the site's certificate must contain."""
    return [site.front.host, *([f"*.{site.front.host}"] if site.front.subdomains else [])]


def is_for(certificate: Path, name: str) -> bool:
    """Return whether a certificate is valid for a host name. Raises CommandFailed if openssl is
    missing.

    If the name has a wildcard, a host name that matches the wildcard is tested.
    """
    kind, name = "-checkip" if is_ip(name) else "-checkhost", name.replace("*", "user")
    result = run(["openssl", "x509", "-in", certificate, "-noout", kind, name], check=False)
    return result.returncode == 0 and "does match" in result.stdout


def lasts(certificate: Path, seconds: int) -> bool:
    """Return whether a certificate will still be valid in `seconds` seconds."""
    done = run(
        ["openssl", "x509", "-in", certificate, "-noout", "-checkend", str(seconds)], check=False
    )
    return done.returncode == 0


def key_belongs_to(certificate: Path, key: Path) -> bool:
    """Return whether the private key belongs to the certificate.

    If openssl cannot compare key and certificate (for example, because the key has a passphrase),
    the result is True.
    """
    of_certificate = run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=False)
    of_key = run(["openssl", "pkey", "-in", key, "-passin", "pass:", "-pubout"], check=False)
    result = of_certificate.returncode == of_key.returncode == 0
    return not result or of_certificate.stdout.split() == of_key.stdout.split()


def has_passphrase(key: Path) -> bool:
    """Return whether the private key has a passphrase. With a passphrase, the web server could not
    start by itself."""
    return "ENCRYPTED" in key.read_text(errors="replace")


def serves(certificate: Path, site: Site, seconds: int) -> bool:
    """Return whether a certificate contains all host names of the site, and will still be valid in
    `seconds` seconds."""
    return all(is_for(certificate, name) for name in names(site)) and lasts(certificate, seconds)


def self_signed(site: Site) -> tuple[str, str]:
    """Create a self-signed certificate; return certificate and private key in PEM. Raises
    CommandFailed."""
    covered = [f"{'IP' if is_ip(name) else 'DNS'}:{name}" for name in names(site)]
    if site.front.host == "localhost":
        covered.append("IP:127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        # A common name has at most 64 characters (RFC 5280). Browsers check only the subject
        # alternative name.
        subject = [
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
                *subject,
                *usage,
                "-keyout",
                key,
                "-out",
                cert,
            ]
        )
        return cert.read_text(), key.read_text()
