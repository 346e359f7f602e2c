#!/bin/sh
# A place, in namespaces of its own: what is written to the folders $2 goes to a memory disk on $1.
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
for part in $2; do
    own=$1/$part
    mkdir -p "$own/upper" "$own/work"
    mount -t overlay -o "lowerdir=/$part,upperdir=$own/upper,workdir=$own/work" overlay "/$part"
done
ip link set lo up
echo ready
exec sleep infinity
