away "$(readlink -f "$PREFIX/current")/release.json"
