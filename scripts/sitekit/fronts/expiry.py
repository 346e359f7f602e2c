"""`make certificate_check`: how long the certificate lasts that the web server shows; each day by a systemd timer."""

from __future__ import annotations

import ssl
import tempfile
import time

from ..command import run
from ..errors import Problem
from ..progress import say
from ..site import Site
from .tls import spoken

DAY = 86400.0
MARGIN = 21 * DAY  # mod_md and certbot renew a month before the end: by then something has gone wrong for days
REMEDIES = {
    ("self-signed", "apache"): "sudo make apply, which makes a new one",
    ("self-signed", "nginx"): "sudo make apply, which makes a new one",
    ("acme", "apache"): "reload Apache, so that it takes a renewed one into use; else read its error log for [md:...]",
    ("acme", "nginx"): "certbot renew, and read what it says; journalctl -u certbot",
}


def certificate_check(site: Site) -> int:
    """Say how many days are left. Raises Problem when they are fewer than 21, or than a quarter of its life."""
    begin, end = shown(site)
    left = end - time.time()
    if left < min(MARGIN, (end - begin) / 4):
        own = f"put a new one into {getattr(site.front.certificate, 'certificate', '')}, then reload the web server"
        remedy = REMEDIES.get((str(site.front.certificate), site.front.server), own)
        what = f"its certificate lasts {left / DAY:.1f} more days" if left > 0 else "its certificate is out of date"
        raise Problem(what, site.front.url, remedy)
    say(f" ok the certificate of {site.front.url} lasts {left / DAY:.0f} more days")
    return 0


def shown(site: Site) -> tuple[float, float]:
    """Begin and end, in epoch seconds, of the certificate that the web server shows here: a file may be newer, when
    nobody had it reload. Raises Problem."""
    try:
        with spoken("127.0.0.1", site.front.port, 10, site.front.host) as tls:
            seen = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")
    except OSError as trouble:
        where = f"127.0.0.1:{site.front.port}"
        raise Problem(f"no certificate is shown: {trouble}", where, "sudo make status") from None
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(seen)
        file.flush()
        told = run(["openssl", "x509", "-in", file.name, "-noout", "-startdate", "-enddate"]).stdout
    dates = dict(line.split("=", 1) for line in told.splitlines())
    return ssl.cert_time_to_seconds(dates["notBefore"]), ssl.cert_time_to_seconds(dates["notAfter"])
