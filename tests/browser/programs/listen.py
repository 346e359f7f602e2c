"""Listen on a port, which is printed first; print each request's first line; answer with a page."""

import contextlib
import socket

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10\r\n\r\n"
line = socket.create_server(("127.0.0.1", 0))
print(line.getsockname()[1], flush=True)
while True:
    other, _ = line.accept()
    with other, contextlib.suppress(OSError):
        lines = other.recv(65536).splitlines()
        if lines:  # and not a connection without a request
            print(lines[0].decode(), flush=True)
            other.sendall(HEAD + b"<p>app</p>")
