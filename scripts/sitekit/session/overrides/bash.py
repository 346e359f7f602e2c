"""Run the bash kernel of the hub environment without a TCP port.

ipykernel opens a TCP port for the output of forked child processes (iostream.py, _setup_pipe_in),
and any user of the node can connect to it. The bash kernel forks no such processes, because bash
writes to a pseudo terminal.
"""

from bash_kernel.kernel import BashKernel
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp

if __name__ == "__main__":
    IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)
    IPKernelApp.launch_instance(kernel_class=BashKernel)
