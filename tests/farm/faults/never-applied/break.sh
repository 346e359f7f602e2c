away "$ETC/site.yml"
