keep "$PREFIX/kernels/launch"
rm "$PREFIX/kernels/launch"
