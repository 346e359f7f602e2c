hostname >"$KEPT/name"
hostname renamed-yesterday
