keep /run/sitekit/demo/release
printf %s "$PREFIX/releases/older" >/run/sitekit/demo/release
