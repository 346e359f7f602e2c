"""In place of squeue, for the row `scale`: print the jobs of a file, in the requested form.

The arguments are the file and squeue's own. The file is a JSON list of jobs: id, uid and user, and
if wanted the state and the comment.
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
pending = "--states=PENDING" in sys.argv
for job, uid, user, *more in json.loads(Path(jobs).read_text()):
    state, comment = more or ("RUNNING", "")
    own = {**fixed, "i": str(job), "A": str(job), "U": str(uid), "u": user}
    own |= {"T": state, "k": comment}
    if state == "PENDING":
        own |= {"B": "", "S": "N/A", "e": "N/A", "r": "Resources"}
    if state == "PENDING" or not pending:
        print("".join(own[letter] + mark for letter, mark in fields))
