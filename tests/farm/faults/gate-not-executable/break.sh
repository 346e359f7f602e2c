modes 644 "$LIBEXEC/gate"
