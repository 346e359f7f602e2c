modes 644 "$(readlink -f "$PREFIX/current/bin/node")"
