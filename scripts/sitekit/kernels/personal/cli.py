"""Implement the command `sitekit-kernel`, with which users add, list, check and remove their own
kernels.

Users run `sitekit-kernel` in a terminal of their server.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ...base import progress
from ...base.errors import Problem
from . import site_info, user_kernels
from .check_source import candidate

EXAMPLES = """\
examples:
  sitekit-kernel add --name "My Python" --module gcc/12.2 --module python/3.11
  sitekit-kernel add --name "Fish" --conda ~/envs/fish
  sitekit-kernel add --name "Thesis" --venv ~/thesis/venv
  sitekit-kernel list
  sitekit-kernel check "My Python"
  sitekit-kernel remove "My Python"
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line of `sitekit-kernel`."""
    top = argparse.ArgumentParser(
        prog="sitekit-kernel",
        description="Your own kernels for JupyterLab, tested like those of the site, in your home directory.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="add|list|check|remove")
    add = commands.add_parser("add", help="make a kernel and test it")
    add.add_argument("--name", required=True, help="what the launcher shows")
    add.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="NAME/VERSION",
        help="load it; may be repeated",
    )
    where = add.add_mutually_exclusive_group()
    where.add_argument("--conda", metavar="PATH|NAME", help="a conda environment")
    where.add_argument("--venv", metavar="PATH", help="a virtual environment")
    add.add_argument(
        "--user-site",
        action="store_true",
        help="use packages in ~/.local too (pip install --user)",
    )
    commands.add_parser("list", help="show your kernels")
    for name, what in (("check", "test a kernel again"), ("remove", "remove a kernel")):
        commands.add_parser(name, help=what).add_argument(
            "name", help="as the launcher shows it, or its folder's name"
        )
    return top


def main(words: list[str], prefix: Path, home: Path) -> int:
    """Run one command of `sitekit-kernel`. `prefix` is the site's prefix, and `home` is the user's
    home.

    Returns the exit code: 0 if the command has succeeded, 1 if the command has failed, 2 if the
    input is refused, 130 if the user has interrupted the command.
    """
    arguments = parser().parse_args(words)
    try:
        COMMANDS[arguments.command](arguments, prefix, home, words)
    except Problem as problem:
        print(f"sitekit-kernel: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print("\nsitekit-kernel: interrupted; nothing has changed", file=sys.stderr)
        return 130
    return 0


def _add(arguments: argparse.Namespace, prefix: Path, home: Path, words: list[str]) -> None:
    site, rules = site_info.read_site_info(prefix)
    wanted = candidate(
        home, arguments.name, arguments.module, arguments.conda, arguments.venv, arguments.user_site
    )
    made = user_kernels.add(site, rules, home, wanted, words[1:])
    progress.say(
        f"'{made.title}' works ({made.detail}); the launcher shows it when you open a new one."
    )


def _list(_: argparse.Namespace, __: Path, home: Path, ___: list[str]) -> None:
    kernels = user_kernels.all_of(home)
    for one in kernels:
        progress.say(f"{one.title}\n    {one.folder}\n    {one.detail}")
    if not kernels:
        progress.say(
            "You have no kernels of your own. `sitekit-kernel add --help` shows how to make one."
        )


def _check(arguments: argparse.Namespace, prefix: Path, home: Path, _: list[str]) -> None:
    one = user_kernels.find(home, arguments.name)
    user_kernels.check(*site_info.read_site_info(prefix), one)
    progress.say(f"'{one.title}' works.")


def _remove(arguments: argparse.Namespace, _: Path, home: Path, __: list[str]) -> None:
    one = user_kernels.find(home, arguments.name)
    user_kernels.remove(one)
    progress.say(f"'{one.title}' is removed.")


COMMANDS = {"add": _add, "list": _list, "check": _check, "remove": _remove}

if __name__ == "__main__":
    # this Python is in PREFIX/releases/<name>
    sys.exit(main(sys.argv[1:], Path(sys.prefix).parents[1], Path(os.environ["HOME"])))
