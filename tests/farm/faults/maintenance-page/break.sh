fresh "$FRONT_STATE/maintenance"
touch "$FRONT_STATE/maintenance"
