away "$PREFIX/modules"
