/usr/bin/python3 -I "$TOOLS/hold_database.py" "$STATE/jupyterhub.sqlite" </dev/null >"$KEPT/held" 2>&1 &
printf '%s\n' $! >>"$KEPT/pids"
for _ in $(seq 600); do grep -q held "$KEPT/held" && break; sleep 0.1; done
grep -q held "$KEPT/held"
