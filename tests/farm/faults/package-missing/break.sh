away "$(echo "$(readlink -f "$PREFIX/current")"/lib/python3*/site-packages/tornado)"
