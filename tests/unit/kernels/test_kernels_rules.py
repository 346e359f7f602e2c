"""kernels.yml, candidates, titles, trust, and what the launcher makes of Lmod's words: the parts
that start nothing."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInput, Problem
from sitekit.kernels import result_table
from sitekit.kernels.check_writers import refuse_writable
from sitekit.kernels.discovery.list_candidates import candidates, slug
from sitekit.kernels.discovery.list_modules import Module, natural
from sitekit.kernels.discovery.rules import Rules, load_rules, matches
from sitekit.kernels.generations.find_logos import FILES, logo_files
from sitekit.kernels.generations.kernel_record import is_unchanged, stamps
from sitekit.kernels.trials.import_launch_program import launcher


def rules(tmp_path: Path, text: str) -> Rules:
    (tmp_path / "kernels.yml").write_text(text)
    return load_rules(tmp_path / "kernels.yml")


def module(
    full: str, *bins: Path, parents: tuple[tuple[str, ...], ...] = (), hidden: bool = False
) -> Module:
    return Module(full, (Path(f"/m/{full}.lua"),), (Path("/m"),), parents, bins, hidden)


@pytest.fixture
def python_bin(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").write_text("")
    (folder / "python3").chmod(0o755)
    return folder


def test_the_shipped_file_has_no_opinions() -> None:
    assert load_rules(data("kernels/kernels.yml")) == Rules()


def test_every_key_is_explained_in_the_shipped_file_and_its_examples_are_good(
    tmp_path: Path,
) -> None:
    text = data("kernels/kernels.yml").read_text()
    keys = [
        line for line in text.splitlines() if re.match(r"# ( *(- )?)[a-z_]+:|#  +#|# +- ", line)
    ]
    bare = "\n".join(line[2:] for line in keys)
    read = rules(tmp_path, bare)
    assert read.discover.exclude and len(read.kernels) == 7 and read.trusted_groups == ("software",)
    shown = set(re.findall(r"^#[ -]*([a-z_]+):", text, re.MULTILINE))
    known = {*Rules.model_fields, *Rules.model_fields["discover"].annotation.model_fields}
    known |= set(type(read.kernels[0]).model_fields)
    assert known <= shown


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("discovr: {}\n", ":1", "did you mean 'discover'"),
        ("kernels:\n  - match: python/*\n    titel: x\n", ":3", "titel"),
        ("kernels:\n  - name: x\n", ":2", "one of the keys match, modules"),
        ("kernels:\n  - {match: a/1, conda: /envs/a}\n", ":2", "one of the keys match, modules"),
        ("kernels:\n  - conda: envs/a\n", ":2", "not an absolute path"),
        (
            "kernels:\n  - virtualenv: /envs/a\n    options: [--nv]\n",
            ":3",
            "the engine of an image",
        ),
        ("kernels:\n  - image: quay.io/nlp\n", ":2", "needs the file"),
        ("kernels:\n  - {image: 'nlp;id', engine: docker}\n", ":2", "neither a file nor a name"),
        ("kernels:\n  - match: '*'\n", ":2", "matches every module"),
        ("kernels:\n  - match: '~('\n", ":2", "not a regular expression"),
        ("kernels:\n  - match: a/1\n    name: '{modul}'\n", ":3", "{modul}"),
        ("kernels:\n  - match: a/1\n    name: '{module'\n", ":3", "brace"),
        ("kernels:\n  - modules: ['a/1;touch x']\n", ":2", "full name"),
        ("kernels:\n  - modules: [--force]\n", ":2", "full name"),
        ("kernels:\n  - match: a/*\n    id: one\n", ":3", "several kernels"),
        ("kernels:\n  - match: a/1\n    language: julia\n", ":3", "'julia' is not known"),
        (
            "kernels:\n  - match: a/1\n    language: j\n    command: [/bin/j, x]\n",
            ":4",
            "how a kernel is started",
        ),
        ("discover: {newest: 0}\n", ":1", "number of versions"),
        ("start_timeout: 5\n", ":1", "length of time"),
        ("load_environment: {'A B': x}\n", ":1", "environment variable"),
        ("kernels: python/3.11\n", ":1", "list"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, where: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        rules(tmp_path, text)
    assert f"kernels.yml{where}" in str(caught.value) and said in str(caught.value)


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        load_rules(tmp_path / "kernels.yml")


def test_matching_is_of_the_whole_name() -> None:
    assert matches("python/3.*", "python/3.11") and not matches("python/3.*", "xpython/3.11")
    assert matches(r"~py.*/\d+", "python/3") and not matches(r"~py.*/\d+", "python/3.11")


def test_versions_sort_as_people_count() -> None:
    assert sorted(["python/3.11", "python/3.9", "python/3.10-x"], key=natural) == [
        "python/3.9", "python/3.10-x", "python/3.11",
    ]  # fmt: skip


def test_discovery_takes_what_brings_an_interpreter(python_bin: Path) -> None:
    tree = [
        module("mpi/1", python_bin, parents=(("gcc/9",), ("gcc/12",))),
        module("python/3.11", python_bin),
        module("tools/1.0", python_bin.parent),
        module("secret/1", python_bin, hidden=True),
    ]
    found, notes = candidates(tree, Rules())
    assert [(c.id, c.modules, c.listed) for c in found] == [
        ("mpi-1", ("gcc/12", "mpi/1"), False),
        ("python-3.11", ("python/3.11",), False),
    ]
    assert notes == []


def test_old_versions_are_left_out_and_said_so(python_bin: Path) -> None:
    tree = [module(f"python/3.{n}", python_bin) for n in range(8, 13)]
    found, notes = candidates(tree, Rules())
    assert [c.id for c in found] == ["python-3.10", "python-3.11", "python-3.12"]
    assert "3.8, 3.9" in notes[0].reason
    assert len(candidates(tree, Rules(discover={"newest": "all"}))[0]) == 5


def test_a_python_module_without_interpreter_is_looked_at_for_it_may_be_broken() -> None:
    assert [c.id for c in candidates([module("lang/python/3"), module("gcc/12")], Rules())[0]] == [
        "lang-python-3"
    ]


def test_the_first_rule_wins_and_discovery_does_not_come_again(
    tmp_path: Path, python_bin: Path
) -> None:
    text = "kernels:\n  - {match: 'python/3.11', id: main}\n  - {match: 'python/*'}\n  - {match: 'python/3.11'}\n"
    tree = [module("python/3.11", python_bin), module("python/3.12", python_bin)]
    found, notes = candidates(tree, rules(tmp_path, text))
    assert [(c.id, c.listed) for c in found] == [("main", True), ("python-3.12", False)]
    assert notes[0].listed and "earlier entry" in notes[0].reason


def test_what_is_named_and_is_not_there_is_a_failure_with_the_nearest_name(tmp_path: Path) -> None:
    _, notes = candidates(
        [module("python/3.11")], rules(tmp_path, "kernels:\n  - modules: [pyhton/3.11]\n")
    )
    assert notes[0].status == "FAILED" and notes[0].listed and "python/3.11" in notes[0].reason


def test_all_parents_make_a_kernel_each(tmp_path: Path) -> None:
    tree = [module("mpi4py/3", parents=(("gcc/9",), ("gcc/12",)))]
    found, _ = candidates(
        tree, rules(tmp_path, "kernels:\n  - {match: 'mpi4py/*', parents: all}\n")
    )
    assert [c.id for c in found] == ["mpi4py-3-gcc-9", "mpi4py-3-gcc-12"]


def test_two_kernels_of_one_name_are_refused() -> None:
    found, notes = candidates([module("R/4"), module("r/4")], Rules())
    assert len(found) == 1 and "give one of them an id" in notes[0].reason


def test_a_slug_is_a_good_kernel_name() -> None:
    assert slug("Lang/Python/3.11+cuda 12") == "lang-python-3.11-cuda-12"


def test_excluded_modules_are_not_discovered(python_bin: Path) -> None:
    tree = [module("python/3.11-dev", python_bin), module("python/3.11", python_bin)]
    found, _ = candidates(tree, Rules(discover={"exclude": ["*-dev"]}))
    assert [c.id for c in found] == ["python-3.11"]


def test_whoever_could_write_is_named(tmp_path: Path) -> None:
    file = tmp_path / "tree" / "a.lua"
    file.parent.mkdir()
    file.write_text("")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    refuse_writable([file], [])
    file.chmod(0o666)
    with pytest.raises(Problem, match="everybody"):
        refuse_writable([file], [])
    file.chmod(0o644)
    file.parent.chmod(0o777)
    with pytest.raises(Problem, match="tree can be written by everybody"):
        refuse_writable([file], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of another account and group")
def test_another_owner_and_a_group_are_named_unless_trusted(tmp_path: Path) -> None:
    file = tmp_path / "a.lua"
    file.write_text("")
    os.chown(file, 65534, 0)
    with pytest.raises(Problem, match="belongs to the account nobody"):
        refuse_writable([file], [])
    refuse_writable([file], [], owners=[65534])
    os.chown(file, 0, 1)
    file.chmod(0o664)
    with pytest.raises(Problem, match="group daemon"):
        refuse_writable([file], [])
    refuse_writable([file], ["daemon"])
    with pytest.raises(Problem, match="no group"):
        refuse_writable([file], ["no-such-group"])


OWNER, USER, GROUPS, GROUP, MASK, OTHERS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20  # linux/posix_acl.h
NOBODY, DAEMON, UNSAID = 65534, 1, 0xFFFFFFFF


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files of root's group, which is trusted")
def test_whom_an_access_control_list_lets_write_is_named(open_path: Path) -> None:
    """setfacl -m u:nobody:rwx on a folder of root's: by its owner and its group it is one that root
    alone writes."""
    file = open_path / "a.lua"
    file.write_text("")

    def allow(path: Path, *named: tuple[int, int, int], mask: int = 7) -> None:
        entries = [
            (OWNER, 7, UNSAID),
            *named,
            (GROUPS, 5, UNSAID),
            (MASK, mask, UNSAID),
            (OTHERS, 5, UNSAID),
        ]
        acl = struct.pack("<I", 2) + b"".join(
            struct.pack("<HHI", *entry) for entry in sorted(entries)
        )
        os.setxattr(path, "system.posix_acl_access", acl)

    for path in (open_path, file):
        allow(path, (USER, 7, NOBODY))
        with pytest.raises(
            Problem, match=r"can be written by the account nobody \(its access control list\)"
        ):
            refuse_writable([file], [])
        refuse_writable([file], [], owners=[NOBODY])
        allow(path, (GROUP, 7, DAEMON))
        with pytest.raises(Problem, match="by the group daemon"):
            refuse_writable([file], [])
        refuse_writable([file], ["daemon"])
        for harmless in (((USER, 5, NOBODY),), ()):
            allow(path, *harmless)
            refuse_writable([file], [])
        allow(path, (USER, 7, NOBODY), mask=5)  # the mask takes it away
        refuse_writable([file], [])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: folders of another account")
@pytest.mark.parametrize("mode", [0o755, 0o1777], ids=["plain", "sticky"])
def test_whose_folder_holds_the_tree_could_replace_it(open_path: Path, mode: int) -> None:
    """Also where the tree itself is root's, and where a link leads through that folder, or lies in
    it."""
    theirs, elsewhere = open_path / "theirs", open_path / "modules"
    file = theirs / "modules" / "a.lua"
    file.parent.mkdir(parents=True)
    file.write_text("")
    elsewhere.symlink_to("theirs/modules")
    os.chown(theirs, 65534, 0)
    theirs.chmod(mode)
    for path in (file, file.parent, elsewhere, elsewhere / "a.lua"):
        with pytest.raises(Problem, match="theirs belongs to the account nobody"):
            refuse_writable([path], [])
        refuse_writable([path], [], owners=[65534])
    os.chown(theirs, 0, 0)
    refuse_writable([file, elsewhere], [])
    os.chown(elsewhere, 65534, 0, follow_symlinks=False)
    with pytest.raises(Problem, match="modules belongs to the account nobody"):
        refuse_writable([elsewhere / "a.lua"], [])


def test_the_scrub_keeps_what_is_the_users_own() -> None:
    kept = {
        "HOME": "/h",
        "SLURM_JOB_ID": "1",
        "KRB5CCNAME": "k",
        "CUDA_VISIBLE_DEVICES": "0",
        "WANDB_API_KEY": "w",
    }
    dropped = (
        "LMOD_CMD",
        "_ModuleTable001_",
        "__LMOD_REF_COUNT_PATH",
        "LOADEDMODULES",
        "_LMFILES_",
        "PYTHONPATH",
    )
    dropped += (
        "MODULEPATH",
        "PYTHONHOME",
        "LD_PRELOAD",
        "LUA_INIT",
        "BASH_ENV",
        "BASH_FUNC_ml%%",
        "R_LIBS",
    )
    assert launcher().cleaned(kept | dict.fromkeys(dropped, "x")) == kept


def test_the_table_tells_each_kernel_and_each_reason() -> None:
    rows = [
        result_table.Row("FAILED", "b", "b/1", "", "first\nsecond"),
        result_table.Row("added", "python-3.11", "Python 3.11", "python/3.11: Python 3.11.2"),
    ]
    assert result_table.lines(rows) == [
        "  added   python-3.11  Python 3.11  python/3.11: Python 3.11.2",
        "  FAILED  b            b/1",
        "      first",
        "      second",
    ]
    assert result_table.counted(rows) == "1 added, 1 FAILED"


def test_a_stamp_changes_with_the_file_and_with_the_folder(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    watch = stamps([str(file), str(tmp_path), str(tmp_path / "none")])
    assert is_unchanged(watch)
    file.write_text("22")
    assert not is_unchanged(watch)
    (tmp_path / "none").write_text("")
    assert not is_unchanged({str(tmp_path / "none"): None})


@pytest.mark.parametrize("name", ["python", "r", "bash", "julia", "matlab", "octave", "other"])
def test_each_logo_is_whole(name: str) -> None:
    files = logo_files(name)
    assert [file.name for file in files] == list(FILES) and files[0].parent.name == name
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files[:2])
    assert logo_files("no-such-language") == logo_files("other")
