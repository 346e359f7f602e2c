"""Read and validate kernels.yml, whose rules (entries) decide which modules become kernels, and how
the kernels are named.

If kernels.yml is empty, all keys have their default values.
"""

from __future__ import annotations

import fnmatch
import re
import string
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ...base.errors import Unfit, shown
from ...site.types.memory_and_time import parse_time
from ...site.types.value_types import AbsolutePath, Account, spelled
from ...site.yaml_files.validate_yaml import validate
from ...site.yaml_files.yaml_file import read_yaml

CONNECTION = "{connection_file}"
SOCKETS = "{sockets}"
"""The launch program replaces this text in a command line with the folder of the kernel's Unix
sockets."""
SOURCES = ("match", "modules", "conda", "virtualenv", "image")
TITLE_WORDS = ("module", "name", "version", "language", "language_version", "parents")


def _match(pattern: str) -> str:
    """Refuse a pattern for module names that is not a valid glob or regular expression. Raises
    Unfit."""
    if pattern.startswith("~"):
        try:
            re.compile(pattern[1:])
        except re.error as error:
            what = f"{shown(pattern[1:])} is not a regular expression ({error})"
            raise Unfit(what, "correct it, or use a glob such as 'python/3.*'") from None
    elif not pattern.strip("*?/"):
        raise Unfit(f"{shown(pattern)} matches every module", "name some, such as 'python/*'")
    return pattern


def _title(text: str) -> str:
    """Refuse a template of a kernel's title that has unknown names in braces. Raises Unfit."""
    try:
        words = [word for _, word, _, _ in string.Formatter().parse(text) if word is not None]
    except ValueError as error:
        raise Unfit(
            f"{shown(text)} has a brace too many or too few ({error})", "write {{ for a plain brace"
        ) from None
    if unknown := [word for word in words if word not in TITLE_WORDS]:
        known = ", ".join("{" + word + "}" for word in TITLE_WORDS)
        raise Unfit(f"'{{{unknown[0]}}}' is not known here", f"use {known}")
    return text


def _command(words: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a command line that cannot start a kernel. Raises Unfit."""
    if len(words) < 2 or "/" in words[0] or not any(CONNECTION in word for word in words[1:]):
        remedy = (
            f"write a program that the modules bring, then its words, one of them '{CONNECTION}'"
        )
        raise Unfit("this is not how a kernel is started", remedy)
    return words


def _newest(value: object) -> object:
    """Return the value of `newest`. Raises Unfit if the value is not `all` or a number from 1 to
    1000.

    `newest` is the number of versions of a module that become kernels.
    """
    if value != "all" and (
        isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000
    ):
        raise Unfit(f"{shown(value)} is not a number of versions", "use 1, 2, 3, ... or all")
    return value


Id = Annotated[
    str,
    spelled(
        r"[a-z0-9][a-z0-9._-]{0,60}",
        "cannot name a kernel's folder",
        "use a-z, 0-9, '.', '_' and '-'",
    ),
]
Image = Annotated[
    str,
    spelled(
        r"(?a)/[\w./+@-]+|[a-z0-9][\w./:@-]*",
        "is neither a file nor a name of an image",
        "write a path like /shared/images/nlp.sif",
    ),
]
Language = Annotated[
    str,
    spelled(
        r"[A-Za-z][A-Za-z0-9+# ._-]{0,30}",
        "is not a language",
        "write it as the kernel itself reports it, such as julia",
    ),
]
Logo = Annotated[
    str,
    spelled(
        r"[a-z0-9_-]+", "is not a folder in kernels/logos", "use its bare name, such as python"
    ),
]
# Lmod gets each name as one argument, without a shell. Lmod would treat a name with a leading '-'
# as an option.
ModuleName = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9_.][\w.+/@:=-]*",
        "is not a module's full name",
        "write it as `module avail` does, such as python/3.11",
    ),
]
Variable = Annotated[
    str,
    spelled(
        r"[A-Za-z_][A-Za-z0-9_]*",
        "is not the name of an environment variable",
        "use letters, digits and '_'",
    ),
]
Pattern = Annotated[str, AfterValidator(_match)]
Variables = dict[Variable, str]


class Part(BaseModel):
    """The base class of the mappings in kernels.yml. sitekit refuses unknown keys, and objects of
    the class cannot change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Discover(Part):
    """Declare the keys of the section `discover`. This section decides which modules become kernels
    although kernels.yml does not name them."""

    languages: tuple[Literal["python", "R"], ...] = ("python", "R")
    exclude: tuple[Pattern, ...] = ()
    newest: Annotated[int | Literal["all"], BeforeValidator(_newest)] = 3

    def excludes(self, full_name: str) -> bool:
        return any(matches(pattern, full_name) for pattern in self.exclude)


class Rule(Part):
    """Declare the keys of an entry of the list `kernels`. An entry names modules (or a pattern of
    names), an environment or an image, and the settings of their kernels."""

    match: Annotated[Pattern | None, Field(examples=["python/3.*"])] = None
    modules: Annotated[
        tuple[ModuleName, ...] | None, Field(min_length=1, examples=[["python/3.11"]])
    ] = None
    conda: AbsolutePath | None = None
    virtualenv: AbsolutePath | None = None
    image: Image | None = None
    engine: Literal["apptainer", "singularity", "docker"] = "apptainer"
    options: tuple[str, ...] = ()
    parents: Literal["newest", "all"] = "newest"
    id: Id | None = None
    name: Annotated[str, AfterValidator(_title)] | None = None
    language: Language | None = None
    command: Annotated[tuple[str, ...], AfterValidator(_command)] | None = None
    logo: Logo | None = None
    check: str | None = None
    environment: Variables = {}
    user_site: bool = False

    @model_validator(mode="after")
    def _agrees(self) -> Rule:
        """Refuse an entry whose keys contradict each other."""
        if sum(getattr(self, source) is not None for source in SOURCES) != 1:
            raise Unfit(
                f"a kernel needs exactly one of the keys {', '.join(SOURCES)}", "write one of them"
            )
        if self.options and not self.image:
            raise Unfit("options are for the engine of an image", "leave them out", "options")
        if (
            self.image
            and self.engine in ("apptainer", "singularity")
            and not self.image.startswith("/")
        ):
            raise Unfit(
                f"{self.engine} needs the file of the image",
                "write its path, like /shared/images/nlp.sif",
                "image",
            )
        if self.id and not self.listed:
            raise Unfit(
                f"'{self.id}' would name several kernels",
                "give it to one that is named without wildcards",
                "id",
            )
        if self.command and not self.language:
            raise Unfit(
                "a command needs its 'language'",
                "add it as the kernel itself reports it, such as julia",
            )
        if self.language not in (None, "python", "R") and not self.command:
            raise Unfit(
                f"how to start '{self.language}' is not known", "add its 'command'", "language"
            )
        return self

    @property
    def listed(self) -> bool:
        """Return whether the entry names its modules without wildcards. If a kernel of such an
        entry fails, `make kernels` returns 1."""
        return self.match is None or not (
            self.match.startswith("~") or set(self.match) & set("*?[")
        )

    @property
    def label(self) -> str:
        return self.match or " ".join(self.modules or ()) or str(self.place)

    @property
    def place(self) -> Path | str | None:
        """Return the path of the environment or the name of the image from which the kernel is
        made. If the kernel is made from modules, return None."""
        return self.conda or self.virtualenv or self.image

    @property
    def bin(self) -> Path | None:
        """Return the folder `bin` of the entry's conda or virtual environment. If the entry has no
        environment, return None."""
        place = self.conda or self.virtualenv
        return place and place / "bin"

    @property
    def marks(self) -> list[Path]:
        """Return the files that change when the environment or the image changes. `make kernels`
        tests a kernel again if one of the returned files changes."""
        if self.image:
            return [Path(self.image)] if self.image.startswith("/") else []
        if self.conda:
            return [self.conda / "conda-meta" / "history"]
        return [self.virtualenv / "pyvenv.cfg"] if self.virtualenv else []

    def takes(self, module: str) -> bool:
        return self.match is not None and matches(self.match, module)


class Rules(Part):
    """Declare the keys of kernels.yml."""

    discover: Discover = Discover()
    inherit: tuple[Literal["python", "R"], ...] = ("python", "R")
    kernels: tuple[Rule, ...] = ()
    test_as: Account = "nobody"
    start_timeout: Annotated[int, BeforeValidator(parse_time)] = 120
    load_environment: Variables = {}
    trusted_groups: tuple[Account, ...] = ()


def matches(pattern: str, module: str) -> bool:
    """Return whether a module's full name matches a pattern: a glob (`python/3.*`) or, after `~`, a
    regular expression."""
    if pattern.startswith("~"):
        return re.fullmatch(pattern[1:], module) is not None
    return fnmatch.fnmatchcase(module, pattern)


def load_rules(path: Path) -> Rules:
    """Read and check kernels.yml. If kernels.yml contains only comments, all keys have their
    default values.

    Raises BadInput with line, key and remedy.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = "unreadable"  # read_yaml raises BadInput with the reason
    if all(
        line.strip() in ("", "---") or line.lstrip(" ").startswith("#")
        for line in text.splitlines()
    ):
        return Rules()
    return validate(Rules, read_yaml(path))
