"""Check the certificate and the client secrets that the administrator has put on the machine."""

from __future__ import annotations

import re
from pathlib import Path

from ...base.errors import BadInput
from ...site.sections.front import Certificate
from ..host.target import Target
from .certificate import has_passphrase, is_for, key_belongs_to, lasts, names

_SECRET = re.compile(r"[!#-\[\]-~]{8,}")  # characters that Apache does not interpret inside quotes
_PLAIN = re.compile(r"[!#-&(-\[\]-~]{8,}")  # characters that neither systemd nor a shell interprets


def check_brought(target: Target) -> None:
    """Check the certificate and the files with client secrets, which the administrator provides.
    Raises BadInput if browsers would reject the certificate, or if a client secret is invalid."""
    if isinstance(target.site.front.certificate, Certificate):
        _certificate(target, target.site.front.certificate)
    if target.site.front.outside and target.site.front.outside.openid:
        where = "front.outside.openid.client_secret"
        _secret(target, target.site.front.outside.openid.client_secret, where, _SECRET)
    if target.site.login.provider:
        where = "login.provider.client_secret"
        _secret(target, target.site.login.provider.client_secret, where, _PLAIN)


def client_secret(target: Target, path: Path) -> str:
    """Return the client secret for an identity provider from its file; "" if the file does not
    exist."""
    real = target.on_disk(path)
    return real.read_text().strip() if real.is_file() else ""


def _secret(target: Target, path: Path, where: str, form: re.Pattern[str]) -> None:
    """Raise BadInput if the file with a client secret is missing or contains invalid characters."""
    if not form.fullmatch(client_secret(target, path)):
        remedy = (
            "the file must contain only the secret, on one line, without quotes and backslashes"
        )
        raise BadInput(f"{path} does not contain the client secret", where, remedy)


def _certificate(target: Target, given: Certificate) -> None:
    """Raise BadInput if the site's certificate or its key is missing, if the certificate has
    expired or does not contain the site's host names, or if the key does not fit."""
    where, real = "front.certificate.certificate", target.on_disk(given.certificate)
    if not real.is_file():
        raise BadInput(
            f"{given.certificate} is not there",
            where,
            "put it there, with its chain, or correct the path",
        )
    for name in names(target.site):
        if not is_for(real, name):
            remedy = "get a certificate that contains it" + (
                "; users' servers have names below it" if name.startswith("*") else ""
            )
            raise BadInput(f"{given.certificate} is not a certificate for {name}", where, remedy)
    if not lasts(real, 0):
        raise BadInput(f"{given.certificate} is out of date", where, "renew it")
    key, where = target.on_disk(given.key), "front.certificate.key"
    if not key.is_file():
        raise BadInput(f"{given.key} is not there", where, "put it there, or correct the path")
    if has_passphrase(key):
        what = f"{given.key} has a passphrase, and nobody can type it when the web server starts"
        raise BadInput(what, where, f"openssl pkey -in {given.key} -out NEW-KEY")
    if not key_belongs_to(real, key):
        what = f"{given.key} does not belong to {given.certificate}: the web server could not start"
        raise BadInput(what, where, "name the key with which that certificate was requested")
