"""Try to list, open and connect to each path that is named, and the two folders above it."""

import os
import socket
import sys
from pathlib import Path

for word in sys.argv[1:]:
    named = Path(word)
    for path in (named, named.parent, named.parent.parent):
        try:
            os.listdir(path)
            print("opened", path)
        except OSError:
            pass
        try:
            os.close(os.open(path, os.O_RDONLY))
            print("opened", path)
        except OSError:
            pass
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(str(path))
            print("connected to", path)
        except OSError:
            pass
