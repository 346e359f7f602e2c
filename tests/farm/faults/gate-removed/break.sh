away "$LIBEXEC/gate"
