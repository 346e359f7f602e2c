"""Run the account stage of a PAM service for one user, as the account that runs this program.

The two arguments are the name of the PAM service and the name of the user. The program prints one
line of JSON with PAM's return code and its error text. The program does not check a password, and
does not open a session.
"""

import ctypes
import json
import sys

CONVERSATION = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 4)


class Conversation(ctypes.Structure):
    """Describe the C structure pam_conv."""

    _fields_ = (("ask", CONVERSATION), ("data", ctypes.c_void_p))


def main() -> None:
    """Call pam_acct_mgmt(3) once, and print the result as JSON."""
    service, user = sys.argv[1:3]
    libpam = ctypes.CDLL("libpam.so.0")
    libpam.pam_strerror.restype = ctypes.c_char_p
    refuse = CONVERSATION(lambda *_: 19)  # PAM_CONV_ERR: no question is answered
    conversation, handle = Conversation(refuse, None), ctypes.c_void_p()
    code = libpam.pam_start(
        service.encode(), user.encode(), ctypes.byref(conversation), ctypes.byref(handle)
    )
    if not code:
        code = libpam.pam_acct_mgmt(handle, 0)
    text = libpam.pam_strerror(handle, code) or b""
    print(json.dumps({"code": code, "text": text.decode(errors="replace")}))


main()
