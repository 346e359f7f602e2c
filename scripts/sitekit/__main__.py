"""`python -m sitekit COMMAND`: what the Makefile's targets call."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
