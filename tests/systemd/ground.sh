#!/bin/sh
# The ground on which a machine boots, in namespaces of its own.
# $1 is a folder for its tree, $2 the checkout, which it may read, $3 the tree below.
# $4 are folders of that tree which other tests change meanwhile: the machine gets copies of them.
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
for part in $4; do
    mkdir -p "$1/upper/$part"
    # a file that goes away meanwhile is no fault
    cp -a --one-file-system "$3/$part/." "$1/upper/$part" 2>"$1/gone" || ! grep -v "No such file" "$1/gone"
    python3 -c 'import os, sys; os.setxattr(sys.argv[1], "trusted.overlay.opaque", b"y")' "$1/upper/$part"
done
mount -t overlay -o "lowerdir=$3,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mount -t tmpfs -o mode=1777 tmpfs "$1/root/tmp"
mkdir -p "$1/root$2"
mount --rbind "$2" "$1/root$2"
mount -o remount,bind,ro "$1/root$2"
ip link set lo up
# A cable to nowhere: with nothing but `lo`, getaddrinfo(3) does not look up names for Slurm (AI_ADDRCONFIG).
ip link add cable type veth peer name nowhere
ip addr add 192.0.2.1/24 dev cable
ip link set cable up
echo ready
exec sleep infinity
