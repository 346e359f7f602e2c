"""Start this job's single-user server.

The job script runs this module as `python -I -m sitekit.session.server`. Only this module and
release_modules.py are read from the release file by file.
"""

from __future__ import annotations

from .release_modules import use_release_modules

if __name__ == "__main__":
    use_release_modules()
    from .single_user import main

    main()
