"""Check how long the certificates of web server and proxy are valid (`make certificate_check`).

A systemd timer runs `make certificate_check` each day. The hub's certificate is renewed together
with the proxy's certificate (render/certificate_authorities.py), and is not checked separately.
"""

from __future__ import annotations

import re
import ssl
import tempfile
import time
from pathlib import Path

from ...base.errors import Problem
from ...base.progress import say
from ...base.run_program import run
from ...site import Site
from ...site.sections.front import Certificate
from ..host.connect_to_web_server import open_tls_connection
from .certificate import is_for, names

DAY = 86400.0
# mod_md and certbot renew a certificate a month before it expires. If only 21 days are left, the
# renewal has failed for days.
MARGIN = 21 * DAY
_FIRST = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
REMEDIES = {
    ("self-signed", "apache"): "sudo make apply, which makes a new one",
    ("self-signed", "nginx"): "sudo make apply, which makes a new one",
    (
        "acme",
        "apache",
    ): "reload Apache so that it loads a renewed one; else read its error log for [md:...]",
    ("acme", "nginx"): "certbot renew, and read its output; journalctl -u certbot",
}


def certificate_check(site: Site) -> int:
    """Print for how many days the certificates of web server and proxy are still valid. Raises
    Problem.

    public_certificate() and internal_certificate() raise this Problem, for example if a certificate
    expires soon.
    """
    left = public_certificate(site)
    say(f" ok the certificate of {site.front.url} lasts {left / DAY:.0f} more days")
    if site.internal_tls:
        left = internal_certificate(site)
        say(f" ok the certificate of the proxy (internal TLS) lasts {left / DAY:.0f} more days")
    return 0


def public_certificate(site: Site) -> float:
    """Return the number of seconds for which the certificate of the web server is still valid.

    Raises Problem if fewer than 21 days, or less than a quarter of the lifetime, are left. Raises
    Problem also if the certificate does not contain all host names of the site, or differs from the
    certificate file that site.yml names.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        seen = shown(site.front.port, site.front.host)
        file.write(seen)
        file.flush()
        life = _validity(Path(file.name))
        strange = [name for name in names(site) if not is_for(Path(file.name), name)]
    own = (
        site.front.certificate.certificate
        if isinstance(site.front.certificate, Certificate)
        else None
    )
    if strange:
        what = f"its certificate is not for {', '.join(strange)}"
        raise Problem(
            what,
            site.front.url,
            "another virtual host may answer; else get a certificate with this name",
        )
    remedy = REMEDIES.get(
        (str(site.front.certificate), site.front.server), f"put a new one into {own}"
    )
    left = _require_validity(life, site.front.url, remedy)
    if own and _differs(own, seen):
        remedy = f"sudo {site.libexec}/reload_certificate, which prints the reason; systemd runs it by itself"
        raise Problem(f"it shows another certificate than {own}", site.front.url, remedy)
    return left


def internal_certificate(site: Site) -> float:
    """Return the number of seconds for which the proxy's certificate for internal TLS is still
    valid.

    The certificate is read from a TLS connection to the port of the proxy's API. Raises Problem if
    the certificate expires soon.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(shown(site.proxy.api_port))
        file.flush()
        return _require_validity(
            _validity(Path(file.name)),
            "the proxy (internal TLS)",
            "sudo make apply, which makes a new one",
        )


def _require_validity(life: tuple[float, float], whose: str, remedy: str) -> float:
    """Return the number of seconds for which a certificate is still valid. Raises Problem if the
    certificate expires soon."""
    begin, end = life
    left = end - time.time()
    if left < min(MARGIN, (end - begin) / 4):
        what = (
            f"its certificate lasts {left / DAY:.1f} more days"
            if left > 0
            else "its certificate is out of date"
        )
        raise Problem(what, whose, remedy)
    return left


def days_left(port: int, name: str | None = None) -> float:
    """Return for how many days the certificate that a port presents is still valid.

    The number is negative for an expired certificate. Raises Problem.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(shown(port, name))
        file.flush()
        return (_validity(Path(file.name))[1] - time.time()) / DAY


def shown(port: int, name: str | None = None) -> str:
    """Connect to a port of this machine; return the certificate that the server presents, in PEM.
    Raises Problem.

    If the server was not reloaded after a renewal, the certificate file contains a newer
    certificate than the server presents.
    """
    try:
        with open_tls_connection("127.0.0.1", port, 10, name) as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")
    except OSError as trouble:
        raise Problem(
            f"no certificate is shown: {trouble}", f"127.0.0.1:{port}", "sudo make status"
        ) from None


def _validity(certificate: Path) -> tuple[float, float]:
    """Return the times from which and until which a certificate is valid, in seconds since
    1970-01-01 UTC.
    """
    told = run(["openssl", "x509", "-in", certificate, "-noout", "-startdate", "-enddate"]).stdout
    dates = dict(line.split("=", 1) for line in told.splitlines())
    return ssl.cert_time_to_seconds(dates["notBefore"]), ssl.cert_time_to_seconds(dates["notAfter"])


def _differs(file: Path, seen: str) -> bool:
    """Return whether the first certificate in the file differs from the certificate `seen`, which
    the server presents.

    If the file cannot be read, the result is False.
    """
    try:
        found = _FIRST.search(file.read_text(errors="replace"))
    except OSError:
        return False
    return found is not None and ssl.PEM_cert_to_DER_cert(found[0]) != ssl.PEM_cert_to_DER_cert(
        seen
    )
