modes o+w "$LIBEXEC/gate"
