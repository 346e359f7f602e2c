"""Start ipykernel where it is reached through Unix sockets. The launcher gives this text to `python
-c` in place of `-m ipykernel_launcher`; the first word is that module, the last the connection
file.

What forked children print goes to the kernel through a TCP port that anybody on the node may
connect to (ipykernel, iostream.py, _setup_pipe_in); here it goes through one more Unix socket.
"""

import sys

module, here = sys.argv.pop(1), sys.path.pop(0)  # the notebook's folder, in which a json.py may lie

import json
import runpy

import zmq
from ipykernel.iostream import IOPubThread

with open(sys.argv[-1]) as file:
    pipe = "ipc://%s-out" % json.load(file)["ip"]


def instead(method, name, function):
    """`method`, in which zmq.Socket's `name` is `function`."""

    def changed(self):
        kept = getattr(zmq.Socket, name)
        setattr(zmq.Socket, name, function)
        try:
            return method(self)
        finally:
            setattr(zmq.Socket, name, kept)

    return changed


connect = zmq.Socket.connect


def bind(self, *_, **__):
    self.bind(pipe)
    return 0


IOPubThread._setup_pipe_in = instead(IOPubThread._setup_pipe_in, "bind_to_random_port", bind)
IOPubThread._setup_pipe_out = instead(
    IOPubThread._setup_pipe_out, "connect", lambda self, _: connect(self, pipe)
)

sys.path.insert(0, here)
runpy.run_module(module, run_name="__main__", alter_sys=True)
