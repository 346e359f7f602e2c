"""Set one key of a JSON file: set_json.py FILE KEY VALUE."""

import json
import sys
from pathlib import Path

file = Path(sys.argv[1])
document = json.loads(file.read_text())
file.write_text(json.dumps({**document, sys.argv[2]: json.loads(sys.argv[3])}))
