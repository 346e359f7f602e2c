# One file of a package that only users' servers import.
modes 600 "$("$RELEASE_PYTHON" -I -c 'import os, jupyterlab; print(os.path.dirname(jupyterlab.__file__))')/labapp.py"
