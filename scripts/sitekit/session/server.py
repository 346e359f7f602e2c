"""Start this job's single-user server.

The job script runs this module as `python -I -m sitekit.session.server`. Only this module and
release_modules.py are read from the release file by file.
"""

from __future__ import annotations

from .imports.release_modules import use_release_modules

if __name__ == "__main__":
    use_release_modules()
    import signal

    # A program that a shell has started in the background ignores these signals
    # (session/start_server.sh). Kernels inherit that, and users could not interrupt them.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    from .single_user import main

    main()
