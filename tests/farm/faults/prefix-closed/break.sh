modes 750 "$PREFIX"
