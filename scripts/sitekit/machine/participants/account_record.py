"""Define the record of participants' accounts: which accounts exist, with uid, home and password.

Because the record is written before each change of the machine, a later run can complete or undo
the changes of an interrupted run. Only root can read the record. The passwords are only in the
record and on the slips.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ...base.errors import Problem
from ...base.files import write_atomic
from ...site import Site

FOLDER = Path("/var/lib/sitekit-accounts")
HIGHEST = "highest_uid"
"""The name of the file with the highest uid that a participant has had. Because this file is kept
when all accounts are removed, no later participant gets a uid that may still own files."""


class _Record(BaseModel):
    """The base class of the objects in the record file. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class Participant(_Record):
    """One participant's account: name, uid, home, password and state.

    The state `planned` means that nothing has been changed on the machine yet.
    The state `begun` means that the account may exist in part.
    The state `made` means that the account is complete.
    """

    name: str
    uid: int
    home: Path
    password: str
    state: Literal["planned", "begun", "made"] = "planned"


class Record(_Record):
    """The record of the accounts whose names begin with the same prefix.

    `before` has the hashes of the account files (such as /etc/passwd) at the time before the first
    account was created. `after` has the hashes of the account files after the last account was
    created. `before` is empty if somebody changed these files between two runs. `one_password` is
    the password of all accounts that were created with PASSWORD=same.
    """

    version: int = 1
    group: str
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    one_password: str = ""
    participants: list[Participant] = []


def folder(site: Site) -> Path:
    """Return the folder with the site's records and slips, which only root can enter."""
    return FOLDER / site.name


def path_of(site: Site, prefix: str) -> Path:
    """Return the path of the record of the accounts with a prefix."""
    return folder(site) / f"{prefix}.json"


def prefixes(site: Site) -> list[str]:
    """Return the prefixes of all accounts that this site has created for participants, such as
    `training`."""
    return sorted(path.stem for path in folder(site).glob("*.json"))


def load(site: Site, prefix: str) -> Record | None:
    """Read the record of the accounts whose names begin with `prefix`, such as "training". Return
    None if there are no such accounts. Raises Problem."""
    path = path_of(site, prefix)
    return _read(path) if path.exists() else None


def _read(path: Path) -> Record:
    """Read a record of accounts from the file `path`. Raises Problem."""
    try:
        return Record.model_validate_json(path.read_text())
    except ValidationError:
        what = "this is not a record of accounts of this version of sitekit"
        raise Problem(what, str(path), "restore it from a backup of the machine") from None


def save(site: Site, prefix: str, record: Record) -> None:
    """Write the record of the accounts with a prefix."""
    folder(site).mkdir(0o700, parents=True, exist_ok=True)
    for place in (FOLDER, folder(site)):
        place.chmod(0o700)
    highest = max([highest_uid(), *(person.uid for person in record.participants)])
    write_atomic(FOLDER / HIGHEST, f"{highest}\n", mode=0o600)
    write_atomic(path_of(site, prefix), record.model_dump_json(indent=1) + "\n", mode=0o600)


def remove(site: Site, prefix: str) -> None:
    """Remove the record and the slips of the accounts with a prefix. If the site's folder is empty
    after that, remove the folder too."""
    for path in (path_of(site, prefix).with_suffix(end) for end in (".html", ".pdf", ".json")):
        path.unlink(missing_ok=True)
    if not any(folder(site).iterdir()):
        folder(site).rmdir()


def highest_uid() -> int:
    """Return the highest uid that a participant has had on this machine; 0 if there was none."""
    path = FOLDER / HIGHEST
    try:
        return int(path.read_text())
    except FileNotFoundError:
        return 0
    except ValueError:
        what = "this is not the highest uid that a participant has had"
        raise Problem(what, str(path), "write the number of the last account into it") from None


def uids_of_all() -> set[int]:
    """Return the uids in the records of all sites, including accounts that are planned. Raises
    Problem."""
    found = [_read(path) for path in FOLDER.glob("*/*.json")]
    return {person.uid for record in found for person in record.participants}
