"""Check the certificate and the OpenID client's secret that a site provides itself."""

from __future__ import annotations

import re

from ...base.errors import BadInput
from ...site.front import Certificate, OpenId
from ..host.target import Target
from .certificate import has_passphrase, is_for, key_belongs_to, lasts, names

_SECRET = re.compile(r"[!#-\[\]-~]{8,}")  # what Apache reads between quotes as it is


def check_brought(target: Target) -> None:
    """Refuse a certificate that browsers would reject, and an invalid secret. Raises BadInput."""
    if isinstance(target.site.front.certificate, Certificate):
        _certificate(target, target.site.front.certificate)
    if target.site.front.outside and target.site.front.outside.openid:
        _secret(target, target.site.front.outside.openid)


def client_secret(target: Target, openid: OpenId) -> str:
    """Return the client's secret at the OpenID provider; "" if the file does not exist."""
    real = target.on_disk(openid.client_secret)
    return real.read_text().strip() if real.is_file() else ""


def _secret(target: Target, openid: OpenId) -> None:
    """Check the client's secret."""
    if not _SECRET.fullmatch(client_secret(target, openid)):
        remedy = "the file holds the secret alone, on one line, without quotes and backslashes"
        where = "front.outside.openid.client_secret"
        raise BadInput(f"{openid.client_secret} does not hold the client's secret", where, remedy)


def _certificate(target: Target, given: Certificate) -> None:
    """Check the certificate and its key."""
    where, real = "front.certificate.certificate", target.on_disk(given.certificate)
    if not real.is_file():
        raise BadInput(
            f"{given.certificate} is not there",
            where,
            "put it there, with its chain, or correct the path",
        )
    for name in names(target.site):
        if not is_for(real, name):
            remedy = "get one that names it" + (
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
        what = (
            f"{given.key} is not the key of {given.certificate}: the web server would end with them"
        )
        raise BadInput(what, where, "name the key with which that certificate was asked for")
