"""Test a PAM service before it is written to /etc/pam.d.

The test first parses each line of the PAM service. After parsing the lines, the test lets libpam
authenticate a user who does not exist, with the new PAM service.
"""

from __future__ import annotations

import ctypes
import re
import shutil
import tempfile
from pathlib import Path

from ...base.errors import Problem

FOLDER = Path("/etc/pam.d")
_NAME = "sitekit-try"
_INCLUDING = ("include", "substack")
_CONTROL = r"(?P<control>required|requisite|sufficient|optional|include|substack|\[[^]]+\])"
_RULE = re.compile(
    rf"-?(?P<type>auth|account|password|session)\s+{_CONTROL}\s+(?P<module>\S+)\s*(?P<words>.*)"
)
_INCLUDE = re.compile(r"@include\s+(\S+)")
# security/_pam_types.h: the return values of libpam for files or modules that it cannot load. All
# other values mean that the login was refused, which is expected here.
_BROKEN = {1: "open error", 2: "symbol error", 4: "system error", 26: "abort", 28: "module unknown"}


class _Conversation(ctypes.Structure):
    """Define the C structure pam_conv (pam_conv(3)) for ctypes."""

    _fields_ = (("ask", ctypes.c_void_p), ("data", ctypes.c_void_p))


def check_pam(path: Path, content: str) -> None:
    """Test the content of a PAM service that is to be written to `path`. Raises Problem, which
    quotes the wrong line.

    The function also parses each line itself, because libpam ignores unknown words in a line
    without an error.
    """
    with tempfile.TemporaryDirectory(prefix="sitekit-pam-") as folder:
        shutil.copytree(FOLDER, folder, dirs_exist_ok=True)
        for number, line in enumerate(content.splitlines(), 1):
            rule, place = line.split("#")[0].strip(), f"{path}:{number}"
            included, match = _INCLUDE.fullmatch(rule), _RULE.fullmatch(rule)
            if rule and not included and not match:
                raise Problem(f"this is no rule of PAM: {rule}", place, "see pam.d(5)")
            name = (
                included[1]
                if included
                else match["module"]
                if match and match["control"] in _INCLUDING
                else None
            )
            if name and not Path(folder, name).is_file():
                raise Problem(
                    f"it includes {name}, which is not there", place, f"see what is in {FOLDER}"
                )
            # Each module is tested alone, because libpam ends a whole service at the first module
            # that refuses. If a line begins with `-`, its module may be missing.
            if match and not name and not rule.startswith("-"):
                _ask(place, folder, f"{match['type']} required {match['module']} {match['words']}")
        _ask(str(path), folder, content)


def _ask(place: str, folder: str, content: str) -> None:
    """Load a PAM service with libpam. Raises Problem if libpam cannot load the PAM service.

    If a module prompts for a password, the test ends. Therefore no prompt appears on the terminal.
    """
    libpam = ctypes.CDLL("libpam.so.0")
    if not hasattr(libpam, "pam_start_confdir"):  # Linux-PAM before 1.4, as on EL 8
        return
    Path(folder, _NAME).write_text(f"{content}\n")
    refuse = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)(lambda *_: 19)  # PAM_CONV_ERR
    conversation = _Conversation(ctypes.cast(refuse, ctypes.c_void_p), None)
    handle = ctypes.c_void_p()
    words = (
        _NAME.encode(),
        b"sitekit-nobody",
        ctypes.byref(conversation),
        folder.encode(),
        ctypes.byref(handle),
    )
    answers = {"start": libpam.pam_start_confdir(*words)}
    if not answers["start"]:
        answers |= {
            "auth": libpam.pam_authenticate(handle, 0),
            "account": libpam.pam_acct_mgmt(handle, 0),
        }
        libpam.pam_end(handle, 0)
    for stage, answer in answers.items():
        if answer in _BROKEN:
            what = f"libpam cannot use it: {_BROKEN[answer]} at {stage}"
            raise Problem(
                what,
                place,
                "a module that it names is not installed, or a file that it includes is broken",
            )
