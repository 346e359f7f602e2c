modes 700 "$PREFIX/releases"
