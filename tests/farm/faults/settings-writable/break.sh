modes o+w "$ETC/local.d"
