stop hub
away "$STATE"
