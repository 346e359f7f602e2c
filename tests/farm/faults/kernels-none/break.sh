keep "$PREFIX/kernels/current"
rm "$PREFIX/kernels/current"
