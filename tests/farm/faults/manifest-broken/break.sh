keep "$ETC/manifest.json"
echo "[]" >"$ETC/manifest.json"
