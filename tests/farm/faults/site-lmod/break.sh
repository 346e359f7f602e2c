edit kernels.lmod /opt/nothing/lmod
