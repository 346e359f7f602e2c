#!/bin/sh
# The job script of a user's server. The gate submits root's copy, in the gate's folder. Users cannot change the script.
# The job starts with the environment that the gate has created, without a login shell, dotfiles or BASH_ENV.
# You may add lines above the last two lines, such as `. /etc/profile.d/site-proxy.sh`.
umask 077
release=$(readlink -f {{current}}) || exit 1  # the release now; a later switch does not affect this server
{{start}}exec "$release/bin/python" -I -m sitekit.session.server
