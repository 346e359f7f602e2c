"""Run the bash kernel of the hub environment without a TCP port.

ipykernel opens a port for the output of child processes (iostream.py, _setup_pipe_in). Every user
of the node can connect to this port. The bash kernel does not need this port, because its bash
writes to a separate terminal.
"""

from bash_kernel.kernel import BashKernel
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp

if __name__ == "__main__":
    IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)
    IPKernelApp.launch_instance(kernel_class=BashKernel)
