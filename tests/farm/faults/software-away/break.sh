away "$PREFIX/software"
