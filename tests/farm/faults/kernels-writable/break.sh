modes o+w "$PREFIX/kernels"
