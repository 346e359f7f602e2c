"""Change one value in a site file: edit.py FILE KEY VALUE. Keys are joined by dots."""

import sys
from pathlib import Path

from ruamel.yaml import YAML

file, key, value = Path(sys.argv[1]), sys.argv[2].split("."), sys.argv[3]
yaml = YAML()
document = yaml.load(file.read_text())
place = document
for name in key[:-1]:
    place = place[int(name)] if name.isdigit() else place[name]
last = int(key[-1]) if key[-1].isdigit() else key[-1]
place[last] = YAML(typ="safe").load(value)
with file.open("w") as stream:
    yaml.dump(document, stream)
