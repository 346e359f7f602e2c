keep "$LIBEXEC/gate"
echo "# a change" >>"$LIBEXEC/gate"
