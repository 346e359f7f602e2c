fresh "$ETC/local.d/notes.txt"
touch "$ETC/local.d/notes.txt"
