"""In place of squeue, for the row `scale`: print the running jobs of a file, in the requested form.

The arguments are the file and squeue's own. The file is a JSON list of jobs: id, uid and user.
"""

import json
import re
import sys
from pathlib import Path

jobs, form = sys.argv[1], next(word for word in sys.argv if word.startswith("--format="))
fields = re.findall(r"%([A-Za-z])([^%]*)", form)
fixed = {
    "T": "RUNNING",
    "P": "jupyter-short",
    "B": "demo1",
    "S": "1767222000",
    "e": "1798758000",
    "Q": "1",
    "r": "None",
    "k": "",
}
if "--states=PENDING" not in sys.argv:
    for job, uid, user in json.loads(Path(jobs).read_text()):
        own = {**fixed, "i": str(job), "A": str(job), "U": str(uid), "u": user}
        print("".join(own[letter] + mark for letter, mark in fields))
