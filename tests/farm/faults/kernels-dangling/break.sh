keep "$PREFIX/kernels/current"
ln -sfn generations/nothing "$PREFIX/kernels/current"
