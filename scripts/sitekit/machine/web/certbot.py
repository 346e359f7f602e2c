"""Request a certificate for nginx with the program certbot (`make certificate`).

Apache does not need `make certificate`, because Apache's module mod_md requests certificates
itself.
"""

from __future__ import annotations

import shutil

from ...base.errors import BadInput, Problem
from ...base.progress import say, step
from ...base.run_program import need_root, run
from ...site import Site
from ..host.lock import hold_machine_lock
from .config import take_certificate


def certificate(site: Site) -> int:
    """Request a certificate from the ACME server, unless the existing certificate is still valid.
    Only root can run this command.

    certbot stores the settings for the renewal, and the systemd timer of certbot renews the
    certificate. Raises Problem.
    """
    need_root("certificate")
    if site.front.certificate != "acme":
        raise BadInput(
            "this site does not request its certificate by ACME",
            "front.certificate",
            "write `acme` there",
        )
    if site.front.server == "apache":
        say(
            " ok Apache requests its certificate when it starts, and renews it (mod_md); its error log reports this"
        )
        return 0
    if not shutil.which("certbot"):
        raise Problem(
            "certbot is not installed",
            remedy="apt-get install certbot, or dnf install certbot (EPEL)",
        )
    webroot = site.front_state / "acme"
    webroot.mkdir(mode=0o755, exist_ok=True)
    with hold_machine_lock(), step(f"Requesting a certificate from {site.front.acme.directory}"):
        run(
            [
                "certbot", "certonly", "--non-interactive", "--agree-tos", "--keep-until-expiring",
                "--cert-name", f"sitekit-{site.name}", "--domain", site.front.host, "--key-type", "ecdsa",
                "--server", site.front.acme.directory, "--email", site.front.acme.contact or "",
                "--webroot", "--webroot-path", webroot, "--deploy-hook", take_certificate(site),
            ],
            timeout=300,
        )  # fmt: skip
    return 0
