modes 700 "$(dirname "$LIBEXEC")"
