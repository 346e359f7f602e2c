file=$("$PYTHON" "$TOOLS/a_module.py" "$PREFIX/kernels/current")
keep "$file"
echo "-- a change" >>"$file"
