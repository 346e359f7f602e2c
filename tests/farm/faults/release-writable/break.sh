modes o+w "$(readlink -f "$PREFIX/current")"
