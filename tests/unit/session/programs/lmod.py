"""In Lmod's place: note the words of a call in the file named first, and answer as Lmod does."""

import json
import sys
from pathlib import Path

log, *words = sys.argv[1:]
Path(log).write_text(json.dumps(words))
if words[-1] == "absent":
    print("_mlstatus = False")
    sys.exit("<b>not</b> there")
if words[-1] == "warns":
    print('import os\nos.environ["WARNED"] = "yes";\n_mlstatus = True\n_mlstatus = False')
    sys.exit("it is old")
print('import os\nos.environ["LOADED_HERE"] = "yes";')
print('os.environ["GONE"] = \'\'\ndel os.environ["GONE"]\n_mlstatus = True')
print("told", file=sys.stderr)
