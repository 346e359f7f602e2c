"""Start the session (the user's server) inside a container. The image's own Python runs this file.

Other files import nothing from this file.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # with the option -I, Python does not search the folder of this file for modules
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from sitekit.session.containers.container_environment import take_environment

    take_environment()
    os.chdir(os.environ["HOME"])
    from sitekit.session.single_user import main

    main()
