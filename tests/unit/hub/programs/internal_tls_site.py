"""Load the site and its certificate authorities, and make TLS contexts, for the programs beside this
file.

The arguments of each program are the folder of sitekit's package, and the folder with the site file
and the files of internal TLS.
"""

from __future__ import annotations

import ssl
import sys
import tempfile
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from sitekit.contracts import internal_tls
from sitekit.hub.servers.issue_certificates import Certificates
from sitekit.site import load_site

FOLDER = Path(sys.argv[2])
internal_tls.folder = lambda site: FOLDER
site = load_site(FOLDER / "site.yml")
issue = Certificates(site).issue
HOUR = timedelta(hours=1)
EXPIRED = timedelta(hours=-1, seconds=-1)  # by a second, with the skew that certificates allow


def context(sent: str, side: int = ssl.PROTOCOL_TLS_SERVER) -> ssl.SSLContext:
    """Return a TLS context with the certificate and key of `sent`, which accepts every peer."""
    made = ssl.SSLContext(side)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    with tempfile.NamedTemporaryFile() as file:
        file.write(b64decode(sent))
        file.flush()
        made.load_cert_chain(file.name)
    return made
