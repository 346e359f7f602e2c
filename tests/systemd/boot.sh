#!/bin/sh
# Become systemd on the file tree $1, as PID 1. `v2` as $2: with the control groups of v2 alone. Runs in namespaces of its own: mounts, processes, hostname, IPC, cgroups.
set -e
root=$1
mount -t proc proc "$root/proc"
# The one kernel is everybody's: its settings are not for changing here, as systemd-nspawn(1) has it.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"

# The same hierarchies of control groups as outside; what is made in them stays below our own group.
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
sort -u /proc/self/mounts | while read -r _ at kind options _; do
    case $kind:$at in cgroup*:/sys/fs/cgroup*) ;; *) continue ;; esac
    case $2:$kind in v2:cgroup2) at=/sys/fs/cgroup ;; v2:*) continue ;; esac
    hierarchy=$(echo "$options" | tr , '\n' | grep -vxE 'rw|ro|relatime|nosuid|nodev|noexec' | paste -sd, -)
    case $hierarchy in name=*) hierarchy="none,$hierarchy" ;; esac
    mkdir -p "$root$at"
    mount -t "$kind" ${hierarchy:+-o "$hierarchy"} "$kind" "$root$at"
done

mkdir -p "$root/mnt/outside"
cd "$root"
pivot_root . mnt/outside
umount -l /mnt/outside
# As systemd itself has it outside of containers: what is mounted later is seen in the units' own mount namespaces too.
mount --make-rshared /
exec env -i container=unshare PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console
