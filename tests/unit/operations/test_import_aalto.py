"""An older configuration becomes a site file and a kernels.yml; nothing of it is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, changed, tree

from sitekit.base.errors import BadInput
from sitekit.kernels.discovery.rules import load_rules
from sitekit.machine.apply.commands import diff
from sitekit.operations.import_aalto.commands import import_aalto
from sitekit.site import Site, load_site
from sitekit.site.show import check_site

TOP = Path(__file__).parents[3]
OLD = Path(__file__).parent / "aalto_config"
PROFILE = '("A", "a", "batchspawner.SlurmSpawner", {"req_memory": "2200", "req_partition": "p"})'
LEAST = f"c.ProfilesSpawner.profiles = [{PROFILE}]\n"


def imported(folder: Path, config: str, makefile: str | None = None) -> Path:
    """The new folder that comes from a configuration with this text."""
    (folder / "old").mkdir()
    (folder / "old" / "jupyterhub_config.py").write_text(config)
    if makefile is not None:
        (folder / "old" / "Makefile").write_text(makefile)
    assert import_aalto(f"FROM={folder / 'old'}", f"TO={folder / 'new'}") == 0
    return folder / "new"


def site_of(folder: Path, config: str) -> Site:
    return load_site(imported(folder, config) / "site.yml")


def test_the_configuration_of_a_whole_site(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """Golden: both files and the report."""
    assert import_aalto(f"FROM={OLD}", f"TO={tmp_path / 'new'}") == 0
    said = capsys.readouterr().out.replace(str(tmp_path), "")
    kernels = (tmp_path / "new" / "kernels.yml").read_text().replace(f"{OLD}/", "")
    found = {
        "report.txt": said,
        "site.yml": (tmp_path / "new" / "site.yml").read_text(),
        "kernels.yml": kernels,
    }
    for name, text in found.items():
        golden = OLD.parent / "aalto_imported" / name
        if request.config.getoption("--update-golden"):
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(text)
        assert text == golden.read_text(), "look at it; if it is right: pytest --update-golden"


def test_the_new_files_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_aalto(f"FROM={OLD}", f"TO={tmp_path / 'new'}")
    assert check_site(load_site(tmp_path / "new" / "site.yml")) == 0
    assert "site 'main': 5 tiers" in capsys.readouterr().out
    assert [rule.id for rule in load_rules(tmp_path / "new" / "kernels.yml").kernels] == [
        "python3",
        "ir",
    ]


def test_the_tiers_are_those_of_the_complete_site_of_this_layout(tmp_path: Path) -> None:
    """config/sites/triton.yml has the same figures, but for what is not in the old configuration:
    the cap, and what the site decided anew: idle limits and the time in the queue."""
    import_aalto(f"FROM={OLD}", f"TO={tmp_path / 'new'}")
    new, triton = (
        load_site(tmp_path / "new" / "site.yml"),
        load_site(TOP / "config/sites/triton.yml"),
    )
    same = ("key", "title", "partitions", "memory", "cpus", "time")
    assert [[getattr(tier, key) for key in same] for tier in new.tiers] == [
        [getattr(tier, key) for key in same] for tier in triton.tiers
    ]
    assert [tier.idle for tier in new.tiers] == [None, None, None, 3900, 1200]
    assert {tier.start_timeout for tier in new.tiers} == {180}


def test_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mark = tmp_path / "mark"
    new = imported(
        tmp_path,
        f"import os\nos.system('touch {mark}')\nopen({str(mark)!r}, 'w')\n"
        f"exec('import os')\nc.JupyterHub.hub_ip = os.popen('touch {mark}').read()\n"
        f"c.JupyterHub.hub_port = __import__('os').system('touch {mark}')\n"
        f"class C:\n    os.system('touch {mark}')\nX = [os.system('touch {mark}') for x in [1]]\n"
        f"c.Spawner.default_url = f'{{os.mkdir(\"{mark}\")}}'\n" + LEAST,
        f"X := $(shell touch {mark})\nkernels:\n\tenvkernel lmod --name=`touch {mark}` $(X) a/1\n"
        f"\ttouch {mark}; pip install x\n",
    )
    assert not mark.exists() and load_site(new / "site.yml").tiers[0].memory == 2200
    said = capsys.readouterr().out
    for line in (2, 3, 4, 5, 6, 7, 10):
        assert f"jupyterhub_config.py:{line}:" in said
    assert "Makefile:3:" in said and "Makefile:4: pip install x" in said


def test_a_plain_batchspawner_becomes_one_tier(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        "c = get_config()\nc.JupyterHub.spawner_class = 'batchspawner.SlurmSpawner'\n"
        "c.BatchSpawnerBase.req_memory = '4gb'\nc.SlurmSpawner.req_memory = '8G'\n"
        "c.SlurmSpawner.req_partition = 'gpu'\nc.SlurmSpawner.req_runtime = '120'\n"
        "c.SlurmSpawner.req_gres = 'gpu:a100:2'\nc.BatchSpawnerBase.req_nprocs = '4'\n"
        "c.SlurmSpawner.req_options = '--exclusive -A lab --qos=long'\n",
    )
    [tier] = site.tiers
    assert (tier.memory, tier.partitions, tier.time, tier.cpus) == (8192, ("gpu",), 7200, 4)
    assert (tier.gpus, tier.gpu_type, tier.exclusive) == (2, "a100", True)
    assert (tier.account, tier.qos) == ("lab", "long")


def test_values_are_computed_as_python_does(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        "N = 3\nbase = {'req_partition': 'p', 'req_runtime': '0-1'}\n"
        "def f():\n    global N\n"
        "title = 'Big {size}'.format(size=N)\nmore = f'{N} cores'\n"
        "c.ProfilesSpawner.profiles = [(title, 'A b!', 'x.SlurmSpawner',"
        " dict(**base, req_memory='1' + '024', req_nprocs=str(N)))]\n"
        "c.JupyterHub.cookie_max_age_days = 0.5\nc.JupyterHub.allow_named_servers = True\n"
        "c.JupyterHub.ssl_cert = '/etc/ssl/a.pem'\nc.JupyterHub.ssl_key = '/etc/ssl/a.key'\n",
    )
    [tier] = site.tiers
    assert (tier.key, tier.title, tier.memory, tier.cpus) == ("a-b", "Big 3", 1024, 1)
    assert (site.login.session, site.server.named) == (43200, 5)
    assert str(site.front.certificate.key) == "/etc/ssl/a.key"  # type: ignore[union-attr]


def test_a_value_that_a_condition_decides_is_not_carried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = site_of(
        tmp_path,
        "port = 9000\nif x:\n    port = 9001\nc.JupyterHub.port = port\nc.JupyterHub.hub_port = 99\n"
        "for i in y:\n    c.JupyterHub.hub_port = i\ntry:\n    c.JupyterHub.hub_ip = 'h'\n"
        "except E:\n    pass\nmatch x:\n    case 1:\n        c.Spawner.default_url = '/lab'\n"
        + LEAST,
    )
    assert (site.proxy.port, site.hub.port) == (8000, 8081)
    said = capsys.readouterr().out
    for line in (4, 7, 9, 14):
        assert f"jupyterhub_config.py:{line}:" in said


def test_a_value_that_site_yml_refuses_is_reported_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = (
        "c.JupyterHub.hub_port = 99999\nc.LocalAuthenticator.group_whitelist = {'No Group'}\n"
        "c.ProfilesSpawner.profiles = [('T\\n', 'k', 'SlurmSpawner',"
        " {'req_memory': 'much', 'req_qos': 'a b', 'req_runtime': '4:75:00'})]\n"
    )
    site = site_of(tmp_path, config)
    assert (site.hub.port, site.tiers[0].title, site.tiers[0].qos) == (8081, "k", None)
    said = capsys.readouterr().out
    for text in ("py:1: c.JupyterHub.hub_port", "py:2: c.LocalAuthenticator.group_whitelist",
                 "py:3: req_memory", "py:3: qos", "py:3: time", "py:3: the title"):  # fmt: skip
        assert text in said


HOSTILE = {
    "no Python": b"c.JupyterHub.(\n",
    "binary": b"\x7fELF\x00\x01",
    "a null byte": b"c.JupyterHub.hub_ip = 'a'\x00\n",
    "not UTF-8": b"x = '\xff'\n",
    "huge": b"#" * (256 * 1024 + 1),
    "deep brackets": b"x = " + b"(" * 100_000,
    "deep minus": b"x = " + b"-" * 200_000 + b"1\n",
    "deep attributes": b"x = a" + b".a" * 100_000 + b"\n",
    "no profiles": b"c.JupyterHub.hub_ip = 'h'\n",
    "unknown profiles": b"c.ProfilesSpawner.profiles = load()\n",
    "empty": b"",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_input_changes_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "jupyterhub_config.py").write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=r"jupyterhub_config\.py"):
        import_aalto(f"FROM={tmp_path / 'old'}", f"TO={tmp_path / 'new'}")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "jupyterhub_config.py").write_bytes(HOSTILE["deep minus"])
    done = subprocess.run(
        ["make", "-s", "import_aalto", f"FROM={tmp_path}", f"TO={tmp_path / 'new'}"],
        cwd=TOP, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "jupyterhub_config.py" in done.stderr and not (tmp_path / "new").exists()


@can_change
def test_the_change_of_the_machine_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make diff` of the new site, on a machine without it, shows the tiers and changes nothing."""
    import_aalto(f"FROM={OLD}", f"TO={tmp_path / 'new'}")
    machine = bare_machine(tmp_path)
    before = tree(machine)
    site = changed(
        load_site(tmp_path / "new/site.yml"), login={"allowed_groups": ["jupyter-users"]}
    )
    assert (
        diff(changed(site, front={"instance": "own"}, supervisor="supervisord"), root=machine) == 1
    )
    said = capsys.readouterr().out
    assert "/etc/sitekit/main/jupyterhub_config.py" in said and tree(machine) == before


@pytest.mark.parametrize("name", ["jupyterhub_config.py", "Makefile"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "huge", "binary"])
def test_odd_files_change_nothing(tmp_path: Path, name: str, kind: str) -> None:
    old = shutil.copytree(OLD, tmp_path / "old")
    odd = old / name
    odd.unlink()
    if kind == "link":
        odd.symlink_to(OLD / name)
    elif kind == "pipe":
        os.mkfifo(odd)
    elif kind == "folder":
        odd.mkdir()
    else:
        odd.write_bytes(b"#" * 2**19 if kind == "huge" else b"# \xff\x00\n")
    with pytest.raises(BadInput) as refused:
        import_aalto(f"FROM={old}", f"TO={tmp_path / 'new'}")
    assert refused.value.exit_code == 2 and name in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_large_values_are_not_computed(tmp_path: Path) -> None:
    """Each line would double a text, a list, or a number, or make's variables."""
    site = imported(
        tmp_path,
        "a = 'x'\nb = [1]\nn = 9\n" + "a = a + a\nb = b + b\nn = n * n\n" * 200 + LEAST,
        "".join(f"V{n + 1} = " + f"$(V{n}) " * 100 + "\n" for n in range(20))
        + "k:\n\tenvkernel lmod --name=n $(V20)\n",
    )
    assert len((site / "kernels.yml").read_text()) < 50_000


def test_text_of_others_stays_in_its_comment(tmp_path: Path) -> None:
    """In names and lines, what YAML would read as a line end is escaped."""
    old = tmp_path / "odd\n- name\x1b[31m"
    shutil.copytree(OLD, old)
    with (old / "Makefile").open("a", newline="") as file:
        file.write("\tenvkernel lmod --name=\rkernels:\u2028 `x`\n")
    assert import_aalto(f"FROM={old}", f"TO={tmp_path / 'new'}") == 0
    assert [rule.id for rule in load_rules(tmp_path / "new/kernels.yml").kernels] == [
        "python3",
        "ir",
    ]


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("new", "link", "no/parent"):
        with pytest.raises(BadInput):
            import_aalto(f"FROM={OLD}", f"TO={tmp_path / name}")
    for words in ((), ("FROM=",), (f"FROM={OLD}", "TO"), ("MORE=1",)):
        with pytest.raises(BadInput):
            import_aalto(*words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "new"]
