#!/bin/sh
# Install a site and remove it, in a mount namespace of the test's; list all before and after.
# $1 is a folder on a tmpfs, $2 the Python.
# /etc is a copy of this machine's, so that nobody else changes it meanwhile.
set -eu
mount --make-rprivate /
# a file that goes away meanwhile is no fault
cp -a /etc "$1/etc" 2>"$1/gone" || ! grep -v "No such file" "$1/gone" || exit 1
mount --bind "$1/etc" /etc
rm -rf /etc/sitekit  # other sites of this machine, such as the demo, whose folders are not here
[ -e /etc/.pwd.lock ] || touch /etc/.pwd.lock
mkdir "$1/upper" "$1/work"
mount -t overlay overlay -o "lowerdir=/usr/local,upperdir=$1/upper,workdir=$1/work" /usr/local
for place in /run /var/lib /var/log /var/backups; do
    mount -t tmpfs none "$place"
done
list() {
    find /etc /usr/local /var/lib /var/log /var/backups -xdev -printf '%y %p %m %U %G %l\n' | sort
    find /etc -xdev -type f -exec sha256sum {} + | sort
}
export SITE="$1/site.yml"
list >"$1/before"
code=0
"$2" -m sitekit diff >"$1/diff" || code=$?
[ $code = 1 ]
"$2" -m sitekit apply
"$2" -m sitekit diff
id -nG hub-of-test
list >"$1/between"
"$2" -m sitekit uninstall purge
list >"$1/after"
diff "$1/before" "$1/after"
