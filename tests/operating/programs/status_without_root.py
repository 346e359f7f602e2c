"""Print the status of the site as root, and then, as JSON, as an account without rights.

The arguments are the folder of sitekit's package and the site file. The program gives up root's
rights after the modules are loaded, because the account may not be able to read this checkout.
"""

import encodings.idna  # noqa: F401  # an import after the change of account could fail
import grp  # noqa: F401
import os
import sys

sys.path.insert(0, sys.argv[1])
from pathlib import Path

import sitekit.backends.slurm.backend  # noqa: F401
from sitekit.operations.status import commands
from sitekit.site import load_site

site = load_site(Path(sys.argv[2]))
commands.status(site)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print("---")
sys.exit(commands.status(site, "JSON=1"))
