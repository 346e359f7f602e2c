away "$(readlink -f "$PREFIX/current")/bin/python"
