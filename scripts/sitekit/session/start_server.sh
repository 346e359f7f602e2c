#!/bin/sh
# Start a user's server from the image or the archive of its release: image|cache FOLDER RELEASE.
# The job script runs this file (server.start in site.yml). FOLDER is on the node's own disk.
# If this node cannot use the image or the archive, one line in the job's log says why, and the
# server starts from the release on the shared filesystem.
umask 077
start=$1 folder=$2 release=$3
share=$release/share/sitekit
uid=$(id -u)
place=  # the folder from which the server starts

from_release() {
    echo "sitekit: the server starts from the shared filesystem: $1"
    place=$release
}

# Whether no user but root and the user $2 can change the file $1.
is_safe() {
    [ -f "$1" ] && [ ! -L "$1" ] || return 1
    case $(stat -c '%u %A' "$1") in
        "0 "?????-??-? | "$2 "?????-??-?) return 0 ;;
    esac
    return 1
}

# Whether other users cannot rename the folders of this user in FOLDER, or a folder above.
is_safe_folder() {
    folder=$(readlink -f "$folder") && [ -d "$folder" ] && [ -w "$folder" ] || return 1
    above=$folder
    while :; do
        case $(stat -c '%u %A' "$above") in
            "0 "?????????[tT]* | "0 "?????-??-?* | "$uid "?????-??-?*) ;;
            *) return 1 ;;
        esac
        [ "$above" != / ] || return 0
        above=$(dirname "$above")
    done
}

unmount() {
    # the option -z: a kernel of the user may still use a file of the image
    "$fusermount" -u -z "$1" 2>/dev/null
    rmdir "$1" 2>/dev/null
}

# Remove the mount points whose squashfuse was killed, as Slurm does when a job reaches a limit.
remove_dead_mounts() {
    for dead in "$folder/sitekit-$uid-"*; do
        # `stat` fails with "Transport endpoint is not connected"
        [ -L "$dead" ] || stat "$dead" >/dev/null 2>&1 || unmount "$dead"
    done
}

# Read the parts of the image that each start needs, from their beginning to their end. Linux reads
# a filesystem in larger pieces if a program reads in order, and keeps the parts for squashfuse.
read_ahead() {
    { read -r _ first tables <"$image.sum"; } 2>/dev/null
    case ${first:-x}${tables:-x} in
        *[!0-9]*) return ;; # written by an older sitekit
    esac
    head -c "$first" "$image" >/dev/null
    tail -c "$tables" "$image" >/dev/null
}

# Mount the image with squashfuse, without root.
mount_image() {
    image=$share/release.squashfs
    squashfuse=$(command -v squashfuse_ll || command -v squashfuse)
    fusermount=$(command -v fusermount3 || command -v fusermount)
    if [ -z "$squashfuse" ] || [ -z "$fusermount" ]; then
        from_release "squashfuse or fusermount is not installed on $(uname -n)"
    elif [ ! -w /dev/fuse ]; then
        from_release "users cannot open /dev/fuse on $(uname -n)"
    elif ! is_safe "$image" "$(stat -c %u "$release")"; then
        from_release "$image is missing, or others than the owner of the release can change it"
    elif ! is_safe_folder; then
        from_release "$folder is missing, or others can rename folders in it"
    else
        remove_dead_mounts
        read_ahead
        point=$(mktemp -d "$folder/sitekit-$uid-XXXXXXXX") || point=
        # A stopped job gets SIGTERM, and the server still needs its files. squashfuse keeps an
        # ignored signal ignored.
        if [ -n "$point" ] && (trap '' TERM INT HUP; exec "$squashfuse" "$image" "$point") &&
            [ -x "$point/bin/python" ]; then
            place=$point
        else
            [ -z "$point" ] || unmount "$point"
            from_release "the image could not be mounted"
        fi
    fi
}

# Find or make the user's own copy of the release on this node.
use_copy() {
    { read -r hash kilobytes files <"$share/release.tar.gz.sum"; } 2>/dev/null || hash=
    case ${hash:-x}${kilobytes:-x}${files:-x} in
        *[!0-9a-f]*) kilobytes=x ;;
    esac
    case $kilobytes$files in
        *[!0-9]*) from_release "$share/release.tar.gz.sum cannot be read"; return ;;
    esac
    if ! command -v flock >/dev/null; then
        from_release "flock is not installed on $(uname -n)"
    elif ! is_safe_folder; then
        from_release "$folder is missing, or others can rename folders in it"
    elif ! is_private "${own:=$folder/sitekit-cache-$uid}"; then
        from_release "$own is not a private folder of this user"
    elif ! (: >"$own/lock") 2>/dev/null; then
        from_release "$own cannot be written"
    elif exec 9>"$own/lock" && ! flock -w 300 9; then
        from_release "another start has used $own for five minutes"
    else
        copy=$own/${release##*/}-$hash
        is_whole || unpack
        # The copy stays locked while the server runs. Therefore no other start removes it.
        # systemd-tmpfiles(8) leaves locked folders, too.
        if [ -n "$copy" ] && exec 8<"$copy" && flock -n -s 8; then
            remove_other_copies
            place=$copy
        fi
        exec 9>&-
    fi
    [ -n "$place" ] || from_release "there is no copy in $own"
}

# Make the folder $1 if it does not exist. Whether it is this user's, and closed to others.
is_private() {
    mkdir -m 700 "$1" 2>/dev/null
    [ ! -L "$1" ] && [ -d "$1" ] && [ "$(stat -c '%u %a' "$1")" = "$uid 700" ]
}

# Whether no file of the copy is missing. Programs that clean /tmp remove old files one by one.
is_whole() {
    [ -d "$copy" ] && [ "$(find "$copy" -type f | wc -l)" = "$files" ]
}

unpack() {
    rm -rf "$own"/part-*
    if [ -d "$copy" ] && ! flock -n -x "$copy" rm -rf "$copy"; then
        from_release "$copy lacks files, and another server of this user still uses it"
        copy=
        return
    fi
    available=$(df -Pk "$own" | awk 'NR == 2 { print $4 }')
    if [ "${available:-0}" -lt $((kilobytes + kilobytes / 2)) ]; then
        copy=
        from_release "$own has not enough free space ($kilobytes kB are needed, and half as much)"
        return
    fi
    part=$(mktemp -d "$own/part-XXXXXXXX") && mkdir "$part/release" &&
        cp "$share/release.tar.gz" "$part/archive" &&
        [ "$(sha256sum <"$part/archive")" = "$hash  -" ] &&
        tar -xzf "$part/archive" -C "$part/release" &&
        mv "$part/release" "$copy"
    is_whole || {
        rm -rf "$copy"
        copy=
        from_release "$share/release.tar.gz could not be unpacked, or has another hash"
    }
    rm -rf "$part"
}

remove_other_copies() {
    for other in "$own"/*/; do
        other=${other%/}
        [ "$other" = "$copy" ] || [ -L "$other" ] || flock -n -x "$other" rm -rf "$other"
    done
}

# The prolog of the node may have mounted the image over the release (scripts/mount-release).
if mountpoint -q "$release" 2>/dev/null; then
    place=$release
elif [ "$start" = image ]; then
    mount_image
else
    use_copy
fi

if [ "$place" != "${point:-}" ]; then
    exec "$place/bin/python" -I -m sitekit.session.server
fi
# This shell stays, because somebody has to unmount the image. Slurm sends SIGTERM only to it.
"$place/bin/python" -I -m sitekit.session.server &
server=$!
trap 'kill -TERM "$server"' TERM
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    status=$?
done
unmount "$place"
exit "$status"
