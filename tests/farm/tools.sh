# Functions for break.sh and mend.sh of a fault. The test sets the variables; see test_farm.py.
set -eu

# keep PATH...: remember files and links as they are now; the test puts them back.
keep() { for path; do cp -a --parents "$path" "$KEPT/files/"; done; }

# fresh PATH...: the test removes these afterwards.
fresh() { for path; do printf '%s\n' "$path" >>"$KEPT/fresh"; done; }

# away PATH: move a file or folder away; the test moves it back.
away() { mv -T "$1" "$1.away"; printf '%s\n' "$1" >>"$KEPT/away"; }

# modes MODE PATH: change a mode; the test puts the old one back.
modes() { printf '%s %s\n' "$(stat -c %a "$2")" "$2" >>"$KEPT/modes"; chmod "$1" "$2"; }

# owner OWNER PATH: change an owner; the test puts the old one back.
owner() { printf '%s %s\n' "$(stat -c %u:%g "$2")" "$2" >>"$KEPT/owners"; chown -h "$1" "$2"; }

# stop NAME...: stop services of the demo; the test starts them again.
stop() { for name; do systemctl stop "$UNIT-$name"; printf '%s\n' "$name" >>"$KEPT/stopped"; done; }

# edit KEY VALUE: change a value in the site file that the doctor reads.
edit() { "$PYTHON" "$TOOLS/edit.py" "$SITE" "$@"; }

# conf OLD NEW: change slurm.conf, and make slurmctld read it.
conf() { keep "$SLURM_CONF"; sed -i "s/$1/$2/" "$SLURM_CONF"; reconfigure; : >"$KEPT/reconfigure"; }
reconfigure() { scontrol reconfigure; }

# accounts: remember all accounts and groups.
accounts() { keep /etc/passwd /etc/group /etc/shadow /etc/gshadow; }

# hold PORT: another account listens at a port until the test ends it. The account may not be able to
# read the program's file.
hold() {
    env -i setpriv --reuid=nobody --clear-groups --regid=nogroup \
        /usr/bin/python3 -I -c "$(cat "$TOOLS/hold_port.py")" "$1" </dev/null >/dev/null 2>&1 &
    printf '%s\n' $! >>"$KEPT/pids"
    for _ in $(seq 600); do ss -Hltn "sport = :$1" | grep -q . && return; sleep 0.1; done
    return 1
}

# course LINE...: the hub has the course bio with alice as a participant, and with these lines.
course() {
    [ -d "$ETC/courses" ] || { mkdir -p "$ETC/courses"; fresh "$ETC/courses"; }
    fresh "$ETC/courses/bio.yml" "$ETC/courses/names.csv"
    echo alice >"$ETC/courses/names.csv"
    printf '%s\n' 'title: Bio' 'starts: 2026-01-01' 'ends: 2100-01-01' 'tier: small' "$@" >"$ETC/courses/bio.yml"
    chmod 640 "$ETC/courses/"*
    chgrp -R --reference="$ETC/site.yml" "$ETC/courses"
}
