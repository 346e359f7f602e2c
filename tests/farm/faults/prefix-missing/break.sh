stop hub proxy
away "$PREFIX"
