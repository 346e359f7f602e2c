#!/bin/sh
# The job of one server. Root's copy lies beside the gate, which submits it; nothing in it comes from a user.
# It starts with the environment that the gate made: no login shell, no dotfiles, no BASH_ENV.
# A site may add lines above the last two, such as `. /etc/profile.d/site-proxy.sh`.
umask 077
release=$(readlink -f {{current}}) || exit 1  # the release of this moment: a later switch must not reach a running server
exec "$release/bin/python" -I -m sitekit.session.server
