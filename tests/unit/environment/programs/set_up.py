"""Build the environment of the site whose file is named, of the packages that are named behind it."""

import sys
from pathlib import Path

from sitekit.environment import commands
from sitekit.environment.wheels.environment_yml import Packages
from sitekit.site import load_site

file, *names = sys.argv[1:]
commands.read_packages = lambda: Packages(tuple(names), ())
commands.setup_conda(load_site(Path(file)))
