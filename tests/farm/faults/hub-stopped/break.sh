stop hub
