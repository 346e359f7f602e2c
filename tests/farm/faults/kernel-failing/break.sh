keep "$PREFIX/kernels/state.json"
"$PYTHON" "$TOOLS/set_json.py" "$PREFIX/kernels/state.json" failing '{"python": "it prints nothing"}'
