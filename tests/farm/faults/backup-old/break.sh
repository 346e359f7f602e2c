fresh "$BACKUPS/old.tar"
touch -d "9 days ago" "$BACKUPS/old.tar"
for file in "$BACKUPS"/*; do [ "$file" = "$BACKUPS/old.tar" ] || away "$file"; done
