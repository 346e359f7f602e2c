"""Start ipykernel with Unix sockets only, without any TCP port.

If the connection file asks for Unix sockets, the launcher runs this text with `python -c` instead
of `python -m ipykernel_launcher`. The first argument is the name of that module. The last argument
is the connection file.

By default, ipykernel opens a TCP port for the output of forked child processes, and anybody on the
node can connect to the port (ipykernel, iostream.py, _setup_pipe_in). This program replaces the
port by one more Unix socket.
"""

import sys

module = sys.argv.pop(1)
# The first entry is the folder of the notebook. It is removed during the imports, because a json.py
# in that folder would be imported in place of Python's own.
here = sys.path.pop(0)

import json
import runpy

import zmq
from ipykernel.iostream import IOPubThread

with open(sys.argv[-1]) as file:
    pipe = "ipc://%s-out" % json.load(file)["ip"]


def instead(method, name, function):
    """Return `method`, changed so that `zmq.Socket.<name>` is `function` while `method` runs."""

    def changed_method(self):
        original = getattr(zmq.Socket, name)
        setattr(zmq.Socket, name, function)
        try:
            return method(self)
        finally:
            setattr(zmq.Socket, name, original)

    return changed_method


connect = zmq.Socket.connect


def bind(self, *_, **__):
    """Bind the socket to the Unix socket, and return 0 in place of a port number."""
    self.bind(pipe)
    return 0


IOPubThread._setup_pipe_in = instead(IOPubThread._setup_pipe_in, "bind_to_random_port", bind)
IOPubThread._setup_pipe_out = instead(
    IOPubThread._setup_pipe_out, "connect", lambda self, _: connect(self, pipe)
)

sys.path.insert(0, here)
runpy.run_module(module, run_name="__main__", alter_sys=True)
