"""Test which files and databases the account that runs this program can use, and look up accounts.
The program reads one JSON request from standard input, and prints one JSON answer:

For the key `paths` ({path: letters}), the answer is {path: "" or the reason why the account cannot
use this path}. The letters are r (read), w (write) and x (enter or run).
For the key `databases` ([path]), the answer is {path: "" or the fault of the SQLite database}.
For the key `starts` (the path of a ledger), the answer contains the starts that have not ended.
For the key `account` (a name), the answer contains the groups, the home and the shell of the
account, and the seconds that the look-up took.
For the key `space` ([path]), the answer is {path: [free bytes, bytes, free inodes, inodes]}.

The program needs only the system's Python 3.6 or later, and changes nothing.
"""

import json
import os
import pathlib
import pwd
import sqlite3
import sys
import time
from typing import Any, Dict, List  # Python 3.6

FLAGS = {"r": os.R_OK, "w": os.W_OK, "x": os.X_OK}
STARTS = (
    "SELECT tag, user, account, backend, job, intended, abandoned FROM starts WHERE ended IS NULL"
)
MOST = 10000


def fault_of(path: str, letters: str) -> str:
    """Return the reason why this account cannot use the path in the ways `letters` (r, w, x); "" if
    the account can use it."""
    parts = path.strip("/").split("/")
    for count in range(len(parts)):
        folder = "/" + "/".join(parts[:count])
        if not os.path.isdir(folder):
            try:
                os.stat(folder)
            except OSError as error:
                return f"{folder}: {error.strerror}"
            return f"{folder}: it is no folder"
        if not os.access(folder, os.X_OK):
            return f"{folder} may not be entered"
    try:
        os.stat(path)
    except OSError as error:
        return f"{path}: {error.strerror}"
    missing = [letter for letter in letters if not os.access(path, FLAGS[letter])]
    words = {"r": "read", "w": "written", "x": "entered or run"}
    return f"{path} may not be {words[missing[0]]}" if missing else ""


def connect(path: str) -> sqlite3.Connection:
    """Open a SQLite database as the hub does. If the file is missing, do not create it."""
    return sqlite3.connect(f"{pathlib.Path(path).as_uri()}?mode=rw", uri=True, timeout=3)


def fault_of_database(path: str) -> str:
    """Return the fault of a database (damaged, not writable, or locked for too long); "" if there
    is no fault."""
    try:
        connection = connect(path)
        try:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                return f"it is damaged: {found}"
            connection.isolation_level = None
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return "" if os.access(path, os.W_OK) else "it may not be written"


def open_starts(path: str) -> Dict[str, Any]:
    """Return the starts in the ledger that have not ended, and the ledger's version."""
    connection = connect(path)
    try:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        return {"version": version, "rows": connection.execute(STARTS).fetchmany(MOST)}
    except sqlite3.Error as error:
        return {"fault": str(error)}
    finally:
        connection.close()


def account(name: str) -> Dict[str, Any]:
    """Return an account's groups, home and shell from the directory of accounts, and the seconds
    that the look-up took."""
    begin = time.time()
    try:
        entry = pwd.getpwnam(name)
        groups = os.getgrouplist(name, entry.pw_gid)
    except KeyError:
        return {"seconds": time.time() - begin}
    return {
        "seconds": time.time() - begin,
        "home": entry.pw_dir,
        "groups": groups,
        "shell": entry.pw_shell,
    }


def space(path: str) -> List[int]:
    """Return four numbers for the filesystem of a path: its free bytes, all bytes, free inodes and
    all inodes."""
    found = os.statvfs(path)
    return [
        found.f_bavail * found.f_frsize,
        found.f_blocks * found.f_frsize,
        found.f_favail,
        found.f_files,
    ]


def main() -> None:
    """Read one request from standard input, and print the answer."""
    request, answer = json.load(sys.stdin), {}  # type: Dict[str, Any], Dict[str, Any]
    answer["paths"] = {
        path: fault_of(path, letters) for path, letters in request.get("paths", {}).items()
    }
    answer["databases"] = {path: fault_of_database(path) for path in request.get("databases", [])}
    if "starts" in request:
        answer["starts"] = open_starts(request["starts"])
    if "account" in request:
        answer["account"] = account(request["account"])
    answer["space"] = {
        path: space(path) for path in request.get("space", []) if os.path.exists(path)
    }
    json.dump(answer, sys.stdout)


main()
