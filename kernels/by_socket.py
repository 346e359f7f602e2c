"""Start an ipykernel that uses Unix sockets, without a TCP port.

The launcher passes this text to `python -c` in place of `-m ipykernel_launcher`. The first argument
is that module, the last one the connection file. ipykernel sends the output of forked children
through a TCP port, to which every user of the node can connect (ipykernel, iostream.py,
_setup_pipe_in). Here one more Unix socket is used.
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
    """Return `method`, during which zmq.Socket's attribute `name` is `function`."""

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
