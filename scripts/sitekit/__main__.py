"""Run a command of sitekit (`python -m sitekit COMMAND`), as the Makefile's targets do."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
