keep "$PREFIX/current"
ln -sfn releases/nothing "$PREFIX/current"
