modes 700 "$("$RELEASE_PYTHON" -I -c 'import os, tornado; print(os.path.dirname(tornado.__file__))')"
