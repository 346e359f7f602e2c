# A folder of a package that only users' servers import.
modes 700 "$("$RELEASE_PYTHON" -I -c 'import os, jupyterlab; print(os.path.dirname(jupyterlab.__file__))')/handlers"
