#!/usr/bin/python3 -I
"""Run Chromium so that it does not notice network interfaces that come and go.

Chromium ends loads when an interface comes or goes (ERR_NETWORK_CHANGED), such as the interface of
another test's container. Linux tells it through a netlink socket. If Linux refuses the socket, as
the filter here requires (seccomp(2)), Chromium works as on a network that never changes.
"""

import ctypes
import os
import struct
import sys

SOCKET = {"x86_64": 41, "aarch64": 198}[os.uname().machine]  # the number of socket(2)
AF_NETLINK, EAFNOSUPPORT = 16, 97
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, FAMILY_AT = 0, 16  # within struct seccomp_data
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2

RULES = (
    (LOAD, 0, 0, NUMBER_AT),
    (EQUAL, 0, 3, SOCKET),
    (LOAD, 0, 0, FAMILY_AT),
    (EQUAL, 0, 1, AF_NETLINK),
    (RETURN, 0, 0, ERRNO | EAFNOSUPPORT),
    (RETURN, 0, 0, ALLOW),
)


class Filter(ctypes.Structure):
    """A list of rules: struct sock_fprog."""

    _fields_ = (("count", ctypes.c_ushort), ("rules", ctypes.c_char_p))


rules = b"".join(struct.pack("HBBI", *rule) for rule in RULES)
libc = ctypes.CDLL(None, use_errno=True)
for words in (
    (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    (PR_SET_SECCOMP, FILTER, ctypes.byref(Filter(len(RULES), rules)), 0, 0),
):
    if libc.prctl(*words) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
os.execv("/usr/bin/chromium", ["chromium", *sys.argv[1:]])  # noqa: S606
