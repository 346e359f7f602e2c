"""Run the doctor's checks as another account, and print the report as JSON.

The arguments are the folder of sitekit's package, the site file, and the numbers of the user and of
the group. The program gives up root's rights after the modules are loaded, because the account may
not be able to read this checkout.
"""

import encodings.idna  # noqa: F401  # an import after the change of account could fail
import grp  # noqa: F401
import os
import sys

sys.path.insert(0, sys.argv[1])
from pathlib import Path

from sitekit.machine.host.platform import this_platform
from sitekit.operations.doctor.context import Context
from sitekit.operations.doctor.list_of_checks import CHECKS
from sitekit.operations.doctor.report import as_json
from sitekit.operations.doctor.run_checks import run_checks
from sitekit.site import load_site

site = load_site(Path(sys.argv[2]))
platform = this_platform()
number, group = map(int, sys.argv[3:5])
os.setgroups([])
os.setgid(group)
os.setuid(number)
# a busy machine needs longer than the usual time limits
print(as_json(run_checks(CHECKS, Context(site, platform, "alice"), seconds=600)))
