mount --bind "$PREFIX" "$PREFIX"
mount -o remount,bind,noexec "$PREFIX"
