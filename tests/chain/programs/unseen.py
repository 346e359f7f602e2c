"""Become the account that is named, and print what it cannot see of the demo's servers."""

import os
import pwd
import sys

# the account may not read the checkout, so that this is loaded before
import sitekit.backends.slurm.backend  # noqa: F401
from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.operations.upgrade.releases_in_use import release_users

site = demo_site("supervisord")
who = pwd.getpwnam(sys.argv[1])
os.initgroups(who.pw_name, who.pw_gid)
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
print(release_users(site).unseen)
