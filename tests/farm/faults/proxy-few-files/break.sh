# As the proxy's own account: a container may refuse root to change the limits of other accounts.
pid=$(systemctl show --value --property=MainPID "$UNIT-proxy")
setpriv --reuid="$(stat -c %u "/proc/$pid")" --regid="$(stat -c %g "/proc/$pid")" --clear-groups \
    prlimit --nofile=200:200 --pid "$pid"
