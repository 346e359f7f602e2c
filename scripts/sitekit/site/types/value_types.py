"""Define the types of the values in a site file: path, account, port and others.

Each error message describes a correct value. sitekit writes the values into sudoers, PAM, systemd,
Apache and shell files. Values that contain characters with a special meaning in these files
(spaces, quotes, '%', '$', line ends) are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ...base.errors import Unfit, shown

LONGEST_PARAGRAPH = 500  # characters


def spelled(pattern: str, fault: str, remedy: str) -> AfterValidator:
    """Return a check (a pydantic validator) that accepts a text only if the whole text matches
    `pattern`.

    The error message quotes the refused text, followed by `fault`.
    """
    form = re.compile(pattern)

    def fits(text: str) -> str:
        """Refuse a text that does not match the pattern."""
        if not form.fullmatch(text):
            raise Unfit(f"{shown(text)} {fault}", remedy)
        return text

    return AfterValidator(fits)


def _absolute(path: Path) -> Path:
    """Accept only an absolute path other than `/`, without characters that have a special meaning."""
    if path == Path("/"):
        raise Unfit("'/' is the whole machine", "name a directory of its own, such as /opt/sitekit")
    if not path.is_absolute() or ".." in path.parts:
        raise Unfit(
            f"{shown(str(path))} is not an absolute path",
            "write it from '/', without '..', like /opt/sitekit",
        )
    if not re.fullmatch(r"[A-Za-z0-9/._+@-]+", str(path)):
        raise Unfit(
            f"{shown(str(path))} has characters with a special meaning in the configuration of services",
            "use letters, digits, '/', '.', '_', '+', '@' and '-'",
        )
    return path


def _not_root(name: str) -> str:
    """Refuse root as the account of a service."""
    if name == "root":
        raise Unfit(
            "the service would run as root", "give it an account of its own; make apply creates it"
        )
    return name


def _home_path(path: str) -> str:
    """Accept only the path of a user's folder, such as `~/work` or `/scratch/{user}`."""
    if not re.fullmatch(
        r"(~|/[A-Za-z0-9._+@{}-]+)(/[A-Za-z0-9._+@{}-]+)*|/", path
    ) or ".." in path.split("/"):
        raise Unfit(
            f"{shown(path)} is not the path of a user's folder",
            "write it from '~' or '/', without '..', like /scratch/{user}",
        )
    if re.search(r"[{}]", path.replace("{user}", "")):
        raise Unfit(
            f"{shown(path)} contains braces that are not {{user}}",
            "only {user} is replaced, by the user's name",
        )
    return path


# Environment variables that change which programs a server or a kernel runs, or where these
# programs find their code and settings.
_STEERING = re.compile(
    r"(PYTHON|IPYTHON|LD_|DYLD_|JUPYTER|JPY_|SLURM|SBATCH|SRUN|SITEKIT|LMOD|MODULE|NODE_|CONDA|BASH_|XDG_|LC_).*"
    r"|PATH|HOME|USER|LOGNAME|SHELL|ENV|IFS|TMPDIR|TMP|TEMP|TERM|LANG|LANGUAGE|(MEM|CPU)_(LIMIT|GUARANTEE)|_"
)


def _user_variable(name: str) -> str:
    """Accept only the name of an environment variable that does not change which programs a server
    runs.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name):
        raise Unfit(
            f"{shown(name)} is not the name of a variable",
            "write one name for each entry, like WANDB_API_KEY",
        )
    if _STEERING.fullmatch(name.upper()):
        raise Unfit(
            f"{shown(name)} changes which programs a server runs, which users must not do",
            "leave it out; set such variables in the files of the cluster's modules",
        )
    return name


def _line(text: str) -> str:
    """Accept only a title that is one line of 1 to 80 characters."""
    if not text.strip() or not text.isprintable() or len(text) > 80:
        raise Unfit(f"{shown(text)} is not a title", "write one line of 1 to 80 characters")
    return text


def _paragraph(text: str) -> str:
    """Accept only a text that a web page can show as one paragraph. Line ends become spaces."""
    flat = text.replace("\n", " ").strip()
    if not flat or not flat.isprintable() or len(flat) > LONGEST_PARAGRAPH:
        raise Unfit(
            f"{shown(text)} is not a text for a page",
            f"write 1 to {LONGEST_PARAGRAPH} printable characters",
        )
    return flat


def _port(number: object) -> int:
    """Accept only a port number from 1 to 65535."""
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 65535:
        raise Unfit(f"{shown(number)} is not a port", "use a number from 1 to 65535")
    return number


def _port_range(ports: object) -> object:
    """Accept only the first and the last port number of a range, in this order."""
    if (
        not isinstance(ports, (list, tuple))
        or len(ports) != 2
        or not _port(ports[0]) <= _port(ports[1])
    ):
        raise Unfit(
            "these are not the first and the last port of a range",
            "write them like [20000, 29999]",
        )
    return ports


def _clock_time(text: object) -> object:
    """Return a time of the day such as `04:00`, or `never`, as text. Refuse any other value."""
    if text != "never" and not (
        isinstance(text, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text)
    ):
        raise Unfit(f"{shown(text)} is not a time of the day", "write it like 04:00, or never")
    return text


def _file_mask(value: object) -> object:
    """Return a umask such as 0027, or `login`, as text. Refuse any other value."""
    # YAML reads 0022 as the number 22. The number 18, which is 0o022, does not match the pattern
    # below.
    text = str(value).zfill(4) if isinstance(value, int) and not isinstance(value, bool) else value
    if text != "login" and not (isinstance(text, str) and re.fullmatch(r"00[027]{2}", text)):
        raise Unfit(
            f"{shown(value)} is not a umask for users' files",
            "write 0002, 0022, 0027, 0077 or login",
        )
    return text


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
Account = Annotated[
    str,
    spelled(
        r"[a-z_][a-z0-9_.-]{0,31}",
        "is not the name of a Unix account or group",
        "use a-z, 0-9, '_', '.' and '-', a letter first",
    ),
]
Branch = Annotated[
    str,
    spelled(
        r"(?!.*(\.\.|//))[A-Za-z0-9][A-Za-z0-9._/+-]{0,100}",
        "is not the name of a branch",
        "write a name that `git branch` lists, like main",
    ),
]
Channel = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*|(https?|file)://[^\s'\"]+|/[^\s'\"]+",
        "is not a conda channel",
        "write a name like conda-forge, or the URL of a mirror",
    ),
]
ClientId = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9._:/@~-]{1,200}",
        "is not a client's id",
        "write the id that the provider gave you",
    ),
]
ClockTime = Annotated[str, BeforeValidator(_clock_time)]
ApacheModule = Annotated[
    str,
    spelled(
        r"[a-z0-9_]{1,40}",
        "is not the name of an Apache module",
        "write what follows 'mod_', like shib or auth_openidc",
    ),
]
Count = Annotated[int, Field(strict=True)]
FileMask = Annotated[str, BeforeValidator(_file_mask)]
HostKey = Annotated[
    str,
    spelled(
        r"(@cert-authority )?(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,1000}={0,2}",
        "is not a public host key",
        "copy the type and the key from /etc/ssh/ssh_host_ed25519_key.pub of the login node; "
        "write @cert-authority before the key of an authority for host keys",
    ),
]
HomePath = Annotated[str, AfterValidator(_home_path)]
ImageKey = Annotated[
    str,
    spelled(
        r"[a-z0-9][a-z0-9_-]{0,30}",
        "cannot be an image's key",
        "use at most 31 of a-z, 0-9, '_' and '-'",
    ),
]
LinkName = Annotated[
    str,
    spelled(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}",
        "cannot be the name of a link",
        "use at most 31 of a-z, A-Z, 0-9, '.', '_' and '-'",
    ),
]
Paragraph = Annotated[str, AfterValidator(_paragraph)]
Port = Annotated[int, BeforeValidator(_port)]
PortRange = Annotated[tuple[int, int], BeforeValidator(_port_range)]
ServiceAccount = Annotated[Account, AfterValidator(_not_root)]
Title = Annotated[str, AfterValidator(_line)]
UrlPath = Annotated[
    str,
    spelled(
        r"/[A-Za-z0-9_./-]*", "is not a page of a server", "write it from '/', like /lab or /tree"
    ),
]
UserVariable = Annotated[str, AfterValidator(_user_variable)]
Word = Annotated[
    str,
    spelled(
        r"[a-z][a-z0-9-]{0,30}",
        "cannot name files and services",
        "use a-z, 0-9 and '-', a letter first",
    ),
]
