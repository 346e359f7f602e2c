"""Implement `sudo make restore FROM=file`: restore a backup on the same machine or on another
machine.

The restore writes state and secrets to the site's paths, with the owner root. After the restore,
`make apply` creates the service accounts and makes these accounts the owners of the files. The
manifest in the backup is not restored, because this manifest lists accounts that were created on
the old machine.
"""

from __future__ import annotations

import json
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...base.data_files import CHECKOUT
from ...base.errors import BadInput, Problem
from ...base.files import write_atomic
from ...base.progress import say
from ...base.run_program import acting_as, need_root
from ...contracts.database_url import database_in_words, restored_copy
from ...site import Site, load_site
from ..apply.execute_plan import execute
from ..apply.kinds_of_changes import NewFolder, Record, Write
from ..apply.machine_state import path_beside, service_states
from ..apply.plan import ApplyPlan
from ..checks.preconditions import check_places
from ..host.file_to_write import File, Folder
from ..host.lock import hold_machine_lock
from ..host.platform import Platform, this_platform
from ..installed.change_owner import hand_over
from ..installed.manifest import FileRecord, load_manifest, manifest_path
from ..installed.read_and_restore_path import MACHINE, on_disk, read_entry
from ..render.rendered_files import folders
from .backup import INDEX, sha256_of

_OURS = ("checkout/config/", "checkout/kernels/", "checkout/environment.")
"""The files of a checkout that a backup contains."""


@dataclass(frozen=True)
class Fill:
    """Put files from the archive into a new or empty folder. The plan of a restore contains one
    Fill for each such folder."""

    path: Path
    files: Mapping[str, Path]

    @property
    def what(self) -> tuple[str, str]:
        return "put back", f"{self.path}: {', '.join(sorted(self.files))}"

    def do(self, root: Path, undo: ExitStack) -> None:
        real, before = on_disk(root, self.path), read_entry(root, self.path)
        undo.callback(hand_over, real, before.owner, before.mode)
        # While root owns the folder, no other account can write there. The next `make apply` makes
        # the hub's account the owner.
        hand_over(real, (0, 0))
        if any(real.iterdir()):
            raise Problem(
                "files appeared in it while this command ran",
                str(self.path),
                "run the command again",
            )
        undo.callback(_empty, real)
        for name, source in self.files.items():
            (real / name).parent.mkdir(0o700, parents=True, exist_ok=True)
            shutil.copyfile(source, real / name)
            (real / name).chmod(0o600)


def restore(*words: str, root: Path = MACHINE, checkout: Path = CHECKOUT) -> int:
    """Restore a backup. Raises BadInput, before any change, if the backup cannot be used. Raises
    Problem if the restore fails."""
    need_root("restore FROM=file")
    if len(words) != 1:
        raise BadInput(
            "restore takes one file",
            remedy="sudo make restore FROM=/var/backups/sitekit/NAME/...tar.gz",
        )
    with tempfile.TemporaryDirectory(prefix="sitekit-restore-") as folder, hold_machine_lock(root):
        files = _unpack(Path(words[0]), Path(folder))
        (applied,) = (path for name, path in files.items() if _is_applied_site(name))
        site = load_site(applied)
        found = _plan(site, root, files)
        execute(found, site, root, lambda undo: None)
        for kind, what in found.changes:
            say(f" ok {kind} {what}")
        _configuration(files, checkout, words[0])
    if read_entry(root, restored_copy(site)).kind == "file":
        say(
            f"    make start loads the hub's database into {database_in_words(site)}, which must be empty"
        )
    say("    now: make check_site, make diff, sudo make apply, sudo make start")
    return 0


def _unpack(archive: Path, folder: Path) -> dict[str, Path]:
    """Unpack an archive and check the hashes of its files; return file name -> unpacked file.
    Raises BadInput."""
    try:
        with tarfile.open(archive) as tar:
            members = {
                member.name: member for member in tar if member.isreg() and _is_plain(member.name)
            }
            index = tar.extractfile(members.pop(INDEX))
            hashes = dict(json.load(index)["sha256"]) if index else {}
            found = {name: folder / str(number) for number, name in enumerate(members)}
            for name, path in found.items():
                content = tar.extractfile(members[name])
                with path.open("xb") as copy:
                    shutil.copyfileobj(content, copy) if content else None
    except (OSError, EOFError, tarfile.TarError, KeyError, TypeError, ValueError) as fault:
        raise BadInput(f"this is not a backup made by sitekit ({fault})", str(archive)) from None
    wrong = hashes.keys() ^ found.keys()
    wrong |= {
        name for name in hashes.keys() & found.keys() if sha256_of(found[name]) != hashes[name]
    }
    if wrong or sum(map(_is_applied_site, found)) != 1:
        what = f"it is damaged: {', '.join(sorted(wrong)) or 'the site is missing'}"
        raise BadInput(what, str(archive), "use another backup; nothing was changed")
    return found


def _is_plain(name: str) -> bool:
    """Return whether a name in the archive is a relative path without `..`."""
    return not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts


def _is_applied_site(name: str) -> bool:
    """Return whether a name in the archive is the name of the file with the applied site."""
    return PurePosixPath(name).match("etc/sitekit/*/site.yml")


def _plan(site: Site, root: Path, files: Mapping[str, Path]) -> ApplyPlan:
    """Return the plan to restore folders, secrets and state. Raises BadInput if a different file
    already exists at a path."""
    platform, before = this_platform(root), load_manifest(site, root)
    _nothing_in_the_way(site, root, platform)
    state, secrets = _sorted(site, files)
    made = ApplyPlan(site, {}, manifest=before.model_copy(deep=True))
    needed = {
        site.etc,
        site.paths.state,
        *site.paths.state.parents,
        *(up for path in secrets for up in path.parents),
    }
    for path, folder in folders(site, platform).items():
        if path in needed and read_entry(root, path).kind == "nothing":
            made.actions.append(NewFolder(path, Folder(folder.mode)))
            made.manifest.folders.append(str(path))
    if (there := read_entry(root, site.paths.state)).kind == "folder":
        made.manifest.note_found(site.paths.state, there)
    place = len(made.actions)
    for path, source in secrets.items():
        file, there = File(source.read_text(), 0o600), read_entry(root, path)
        if not before.files.get(str(path), FileRecord()).owns(there):
            raise BadInput(
                "another file is there",
                str(path),
                f"move it away first: mv {path} {path}.old",
            )
        made.actions.append(Write(path, file, there, secret=True))
        made.manifest.files[str(path)] = FileRecord(
            hashes=[file.sha256], mode=file.mode, generated=True
        )
    made.actions.append(Fill(site.paths.state, state))
    made.actions.insert(place, Record(manifest_path(site), before.joined(made.manifest)))
    made.actions.append(Record(manifest_path(site), made.manifest))
    return made


def _nothing_in_the_way(site: Site, root: Path, platform: Platform) -> None:
    """Raise BadInput if services run or the state folder is not empty."""
    check_places(site, root)
    states = service_states(site, platform) if root == MACHINE else {}
    if up := [name for name, word in states.items() if word != "stopped"]:
        raise BadInput(
            f"{', '.join(up)}: running, with the state that would be replaced",
            remedy="sudo make stop",
        )
    real = on_disk(root, site.paths.state)
    if real.is_dir() and any(real.iterdir()):
        remedy = f"move it away first: mv {site.paths.state} {site.paths.state}.old"
        raise BadInput(
            "it is not empty, and restore overwrites nothing", str(site.paths.state), remedy
        )


def _sorted(site: Site, files: Mapping[str, Path]) -> tuple[dict[str, Path], dict[Path, Path]]:
    """Return two mappings with the files of the backup. The first contains the files of the state
    folder, by relative name. The second contains the secrets, by their path on the machine.

    Raises BadInput if the backup contains other files.
    """
    state: dict[str, Path] = {}
    secrets: dict[Path, Path] = {}
    for name, source in files.items():
        path = Path("/", name)
        if path.is_relative_to(site.paths.state):
            state[str(path.relative_to(site.paths.state))] = source
        elif not path.is_relative_to(site.etc) and not name.startswith(_OURS):
            raise BadInput(
                f"it holds {path}, which does not belong to the site",
                remedy="use a backup that sitekit made",
            )
        elif path.is_relative_to(site.etc) and path not in (
            manifest_path(site),
            site.etc / "site.yml",
        ):
            secrets[path] = source
    return state, secrets


def _configuration(files: Mapping[str, Path], checkout: Path, archive: str) -> None:
    """Write the files that administrators wrote, such as config/site.yml, into the checkout, with
    the rights of the checkout's owner.

    If a different file already exists, this file is kept, and the restored file is written beside
    it as `.new`. If a file cannot be written, the restore prints a message and continues; the
    archive still contains the file.
    """
    for name, source in files.items():
        if name.startswith(_OURS):
            path, content = (
                checkout / PurePosixPath(name).relative_to("checkout"),
                source.read_bytes(),
            )
            try:
                owner = checkout.stat()
                with acting_as(owner.st_uid, owner.st_gid):
                    _lay(path, content)
            except OSError as error:
                say(f" !! {path}: {error.strerror}\n    -> tar -xzOf {archive} {name} >{path}")


def _lay(path: Path, content: bytes) -> None:
    """Write a file. If a different file already exists at the path, write the new file beside
    it."""
    if path.exists() and path.read_bytes() == content:
        return
    new = path_beside(path) if path.exists() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(new, content)
    say(
        f" {'!!' if new != path else 'ok'} wrote {new}"
        + (f": {path.name} is another" if new != path else "")
    )


def _empty(real: Path) -> None:
    """Remove everything in a folder; keep the folder itself."""
    for thing in real.iterdir():
        shutil.rmtree(thing) if thing.is_dir() else thing.unlink()
