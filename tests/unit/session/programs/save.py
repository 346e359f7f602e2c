"""Save a file as a session does; the program dies or fails meanwhile where its second word says so."""

import os
import sys

from sitekit.session.atomic_save import save_whole

save_whole()

from jupyter_server.services.contents import fileio  # noqa: E402

with fileio.atomic_writing(sys.argv[1], text=True, encoding="utf-8") as file:
    file.write("new")
    file.flush()
    if sys.argv[2:] == ["dies"]:
        os._exit(9)
    if sys.argv[2:] == ["fails"]:
        raise OSError("no space left on device")
