"""Start this job's single-user server.

The job script runs this module as `python -I -m sitekit.session.server`. Python reads only this
module and release_modules.py from their own files in the release. release_modules.py reads the
other modules from one file.
"""

from __future__ import annotations

from .imports.release_modules import use_release_modules

if __name__ == "__main__":
    use_release_modules()
    import signal

    # If a shell has started a program in the background, the program ignores these signals
    # (session/start_server.sh). Kernels would inherit this, and users could not interrupt kernels.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    from .single_user import main

    main()
