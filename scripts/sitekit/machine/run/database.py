"""Back up, upgrade or restore the hub's database when the hub changes to another release.

`make start` changes the database while the hub is stopped. `make apply`, and systemd after a crash
or a boot, start the hub without this step. In this case, JupyterHub itself copies and upgrades a
SQLite database (c.JupyterHub.upgrade_db). JupyterHub makes no copy of a PostgreSQL database, and
therefore does not start if the database has another schema. Before each of these changes, the old
database is copied to a backup.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from ...base.errors import Problem
from ...base.progress import say
from ...base.run_program import Argv, run
from ...contracts.database_url import database_in_words, database_url
from ...site import Site
from ..host import sqlite
from ..host.hub_database import REVISION, PostgreSqlDatabase, as_the_hub, hub_database

KEPT = 10
_REVISIONS = """
import json, os, jupyterhub
from alembic.script import ScriptDirectory
script = ScriptDirectory(os.path.join(os.path.dirname(jupyterhub.__file__), "alembic"))
print(json.dumps([script.get_current_head(), *(one.revision for one in script.walk_revisions())]))
"""


def refuse_unknown_schema(site: Site, release: Path) -> None:
    """Raise Problem if the hub's database is damaged. Raise Problem also if the database is too new
    for `release`, and no backup exists that `release` can read."""
    database = hub_database(site)
    if not database.exists():
        return
    database.refuse_unusable()
    _keep_jupyterhubs_copies(site)
    known, have = known_revisions(site, release), revision(site)
    if have not in known and backup_of(site, known) is None:
        raise Problem(
            f"has the schema of a newer JupyterHub ({have}), and there is no older backup",
            database_in_words(site),
            "go to the newer release (make releases, make rollback RELEASE=...), or move the database away",
        )


def match_release(site: Site) -> None:
    """Back up the hub's database, and convert it to the schema of the current release. Raises
    Problem.

    The hub must be stopped. If the current release is newer than the database, the database is
    upgraded, as `jupyterhub upgrade-db` does. If the current release is older, the database is
    replaced by its newest backup that this release can read.
    """
    if not hub_database(site).exists():
        return
    known, have = known_revisions(site, site.current), revision(site)
    _keep_jupyterhubs_copies(site)
    back_up(site, have)
    if have not in known:
        backup = backup_of(site, known)
        if backup is None:
            return refuse_unknown_schema(site, site.current)
        put_back(site, backup)
        say(
            f"The hub's database is now the backup {backup.stem}: this release cannot read the newer schema."
        )
    if revision(site) != known[0]:
        upgrade = "import sys; from jupyterhub.dbutil import upgrade; upgrade(sys.argv[1])"
        argv: Argv = [
            site.current / "bin/python",
            "-I",
            "-c",
            upgrade,
            database_url(site),
        ]
        path = {
            "PATH": f"{site.current}/bin:/usr/bin:/bin"
        }  # JupyterHub starts the program alembic from PATH
        run(argv, env=path, user=site.hub.user, cwd=site.paths.state, timeout=600)
        say(
            "The hub's database was upgraded to the schema of this release; the backup is in "
            + str(_folder(site))
        )


def known_revisions(site: Site, release: Path) -> list[str]:
    """Return the revisions of the database schema that `release` can read. The release's own
    revision is the first."""
    argv: Argv = [release / "bin/python", "-I", "-c", _REVISIONS]
    known = json.loads(run(argv, user=site.hub.user, cwd=Path("/")).stdout)
    return list(dict.fromkeys(known))


def load_restored(site: Site) -> bool:
    """Load the copy of a PostgreSQL database that `make restore` has put into the state folder;
    return whether such a copy existed. Raises Problem."""
    database = hub_database(site)
    if not isinstance(database, PostgreSqlDatabase) or not (loaded := database.load_restored()):
        return False
    say(f"The hub's database was restored; the copy is now {loaded}")
    return True


def revision(site: Site) -> str:
    """Return the schema revision (an id of alembic) of the hub's database."""
    return hub_database(site).rows(REVISION)[0]


def revision_of(database: Path) -> str:
    """Return the schema revision (an id of alembic) of a SQLite file."""
    with sqlite.open_database(database) as connection:
        return str(connection.execute(REVISION).fetchone()[0])


def _folder(site: Site) -> Path:
    """Return the folder with the backups of the database."""
    return site.paths.state / "backups"


def back_up(site: Site, revision: str) -> None:
    """Copy the hub's database to a backup file that only the hub's account can read; remove the
    oldest backups.

    The name of the backup file contains the time and the schema revision.
    """
    folder, draft, database = _folder(site), _folder(site) / "draft", hub_database(site)
    with as_the_hub(site):
        folder.mkdir(mode=0o700, exist_ok=True)
        draft.unlink(missing_ok=True)
        draft.touch(0o600)
    database.copy(draft)
    with as_the_hub(site):
        made = f"{time.strftime('%Y-%m-%dT%H-%M-%S')}-{revision}{database.ending}"
        draft.rename(folder / made)
        for old in sorted(folder.glob(f"20*{database.ending}"))[:-KEPT]:
            old.unlink()


def _keep_jupyterhubs_copies(site: Site) -> None:
    """Move the copies of the database that JupyterHub made before an upgrade to the folder of
    backups.

    JupyterHub makes these copies in jupyterhub.dbutil.backup_db_file. A copy that cannot be read is
    not moved.
    """
    with as_the_hub(site):
        for copy in sorted(site.database.parent.glob(f"{site.database.name}.[0-9]*")):
            made = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(copy.stat().st_mtime))
            with suppress(Problem):
                revision = revision_of(copy)
                _folder(site).mkdir(mode=0o700, exist_ok=True)
                copy.rename(_folder(site) / f"{made}-{revision}.sqlite")


def backup_of(site: Site, known: list[str]) -> Path | None:
    """Return the newest backup whose schema revision is in `known`; None if no backup has such a
    revision."""
    ending = hub_database(site).ending
    with as_the_hub(site):
        kept = sorted(_folder(site).glob(f"20*{ending}"), reverse=True)
    return next((backup for backup in kept if backup.stem.rpartition("-")[2] in known), None)


def put_back(site: Site, backup: Path) -> None:
    """Replace the database with `backup`. The hub must be stopped."""
    hub_database(site).replace(backup)
