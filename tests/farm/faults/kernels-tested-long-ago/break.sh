keep "$PREFIX/kernels/state.json"
"$PYTHON" "$TOOLS/set_json.py" "$PREFIX/kernels/state.json" checked 1700000000
