edit title "Another title"
