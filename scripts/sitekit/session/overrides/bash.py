"""The bash kernel of the hub environment, without a TCP port.

ipykernel opens one for what forked children print (iostream.py, _setup_pipe_in), and anybody on the
node may connect to it. This kernel forks none; bash itself writes into a terminal of its own.
"""

from bash_kernel.kernel import BashKernel
from ipykernel.iostream import IOPubThread
from ipykernel.kernelapp import IPKernelApp

if __name__ == "__main__":
    IOPubThread._setup_pipe_in = lambda self: setattr(self, "_pipe_flag", False)
    IPKernelApp.launch_instance(kernel_class=BashKernel)
