"""Listen on a port, which is printed first; print each request, and answer with a cookie."""

import json
import socket

ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: _xsrf=forged; Path=/\r\nContent-Length: 2\r\n\r\nok"
line = socket.create_server(("127.0.0.1", 0))
print(line.getsockname()[1], flush=True)
while True:
    other, _ = line.accept()
    print(json.dumps(other.recv(65536).decode()), flush=True)
    other.sendall(ANSWER)
    other.close()
