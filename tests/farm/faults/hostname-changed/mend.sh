hostname "$(cat "$KEPT/name")"
