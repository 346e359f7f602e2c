"""A SAML identity provider (SimpleSAMLphp) and what the site's own shibboleth2.xml says about it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

IDP = "http://idp.test:9200/"
USER, PASSWORD = "dave", "campus-password"

_CONFIG = """<?php $config = ['baseurlpath' => '{idp}', 'certdir' => '{folder}/', 'loggingdir' => '{folder}/',
  'datadir' => '{folder}/', 'tempdir' => '{folder}/tmp', 'metadatadir' => '{folder}/',
  'attributenamemapdir' => '/etc/simplesamlphp/attributemap/', 'auth.adminpassword' => '{folder}',
  'secretsalt' => 'abcdefghijklmnopqrstuvwxyz012345', 'timezone' => 'UTC', 'logging.handler' => 'errorlog',
  'enable.saml20-idp' => true, 'session.cookie.secure' => false, 'session.phpsession.cookiename' => 'SimpleSAML',
  'session.phpsession.savepath' => '{folder}', 'store.type' => 'phpsession',
  'metadata.sources' => [['type' => 'flatfile']], 'theme.use' => 'default', 'language.default' => 'en',
  'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true], 'language.available' => ['en'],
  'technicalcontact_email' => 'na@example.org', 'trusted.url.domains' => []];"""
_SOURCES = """<?php $config = ['admin' => ['core:AdminPassword'], 'campus' => ['exampleauth:UserPass',
  '{user}:{password}' => ['uid' => ['dave'], 'eduPersonPrincipalName' => ['dave@campus.test']]]];"""
_IDP = """<?php $metadata['{idp}idp'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.key', 'certificate' => 'idp.crt',
  'auth' => 'campus', 'scope' => ['campus.test'],
  'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri',
  'authproc' => [100 => ['class' => 'core:AttributeMap', 'name2oid']]];"""
_SP = """<?php $metadata['https://{host}/shibboleth'] = ['AssertionConsumerService' => [['index' => 1,
  'isDefault' => true, 'Location' => 'https://{host}/Shibboleth.sso/SAML2/POST',
  'Binding' => 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST']]];"""


class Place(Protocol):
    """Where both run, with a file tree and a network of its own."""

    def run(self, *words: object) -> object: ...


def identity_provider(
    place: Place, folder: Path, host: str, root: Path = Path("/")
) -> tuple[object, ...]:
    """Write its configuration, for a site at `host`; the command that runs it. `root` is how the
    place is reached."""
    within = root / folder.relative_to("/")
    (within / "tmp").mkdir(parents=True)
    words = {
        "{idp}": IDP,
        "{host}": host,
        "{folder}": str(folder),
        "{user}": USER,
        "{password}": PASSWORD,
    }
    files = {
        "config": _CONFIG,
        "authsources": _SOURCES,
        "saml20-idp-hosted": _IDP,
        "saml20-sp-remote": _SP,
    }
    for name, text in files.items():
        for word, meant in words.items():
            text = text.replace(word, meant)
        (within / f"{name}.php").write_text(text)
    key = (
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=idp",
    )
    place.run(*key, "-keyout", folder / "idp.key", "-out", folder / "idp.crt")
    place.run("sh", "-c", f"echo 127.0.0.1 {host} idp.test >>/etc/hosts")
    return "php", "-S", "127.0.0.1:9200", "-t", "/usr/share/simplesamlphp/www"


def service_provider(place: Place, host: str) -> None:
    """The distribution's shibboleth2.xml with this site's three changes, and keys."""
    place.run("curl", "-fsS", "-o", "/etc/shibboleth/idp.xml", f"{IDP}saml2/idp/metadata.php")
    changes = {
        "https://sp.example.org/shibboleth": f"https://{host}/shibboleth",
        "https://idp.example.org/idp/shibboleth": f"{IDP}idp",
        "<!-- Map to extract": '<MetadataProvider type="XML" path="idp.xml"/> <!-- Map to extract',
    }
    for old, new in changes.items():
        place.run("sed", "-i", f"s|{old}|{new}|", "/etc/shibboleth/shibboleth2.xml")
    for use in ("signing", "encrypt"):
        place.run("shib-keygen", "-f", "-n", f"sp-{use}", "-h", host, "-o", "/etc/shibboleth")
    place.run("mkdir", "-p", "/run/shibboleth")
