away "$("$PYTHON" "$TOOLS/a_module.py" "$PREFIX/kernels/current")"
