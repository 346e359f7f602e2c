"""Print READ if a server answers a request over TLS, or else REFUSED and the error.

The arguments are the server's address and port.
"""

import socket
import ssl
import sys

try:
    plain = socket.create_connection((sys.argv[1], int(sys.argv[2])), 4)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(plain) as tls:
        tls.sendall(b"GET /user/x/api HTTP/1.0\r\n\r\n")
        print("READ", tls.recv(100))
except OSError as error:
    print("REFUSED", type(error).__name__)
