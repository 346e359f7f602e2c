modes 600 "$(ls "$PREFIX"/kernels/current/kernels/*/kernel.json | head -n 1)"
