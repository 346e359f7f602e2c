"""Hold the prefix of the site whose file is named, as a build does."""

import sys
import time
from pathlib import Path

from sitekit.environment.release.lock_and_check_prefix import open_prefix
from sitekit.site import load_site

with open_prefix(load_site(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(600)
