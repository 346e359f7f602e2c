keep "$LIBEXEC/gate.json"
echo "{" >"$LIBEXEC/gate.json"
