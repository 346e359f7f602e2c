keep "$PREFIX/current"
rm "$PREFIX/current"
