"""Run a command of sitekit: `python -m sitekit COMMAND`. The Makefile's targets call it."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
