"""Open and close the site for maintenance (`make maintenance_on`, `make maintenance_off`).

`make maintenance_on` creates a file, and `make maintenance_off` removes it. While the file exists,
the site is closed. The web server checks at each request whether the file exists.
"""

from __future__ import annotations

from ...base.errors import Problem
from ...base.files import write_atomic
from ...base.progress import say
from ...base.run_program import need_root
from ...site import Site


def maintenance_on(site: Site) -> int:
    """Close the site immediately for new requests, until `make maintenance_off`. Raises Problem.

    Users' servers and open connections continue. The site is still closed after a reboot of the
    machine.
    """
    need_root("maintenance_on")
    if not site.front_state.is_dir():
        raise Problem("the site is not installed here", str(site.front_state), "sudo make apply")
    write_atomic(site.maintenance, "")
    who = ", ".join(site.front.maintenance_allow) or "nobody"
    say(
        f" ok {site.front.url} shows the maintenance page; still open for: {who}. sudo make maintenance_off opens it"
    )
    return 0


def maintenance_off(site: Site) -> int:
    """Open the site again for all clients, after maintenance."""
    need_root("maintenance_off")
    site.maintenance.unlink(missing_ok=True)
    say(f" ok {site.front.url} is open")
    return 0
