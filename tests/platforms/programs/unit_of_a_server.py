"""Start a unit in the way in which the backend for systemd starts a server, and print the lines of
its log, and what the hub would be told of its end.

The unit runs a program that needs more memory than its cap, in place of a server.
"""

import json
import pwd
import shutil
import sys
import tempfile
import time
from pathlib import Path

SCRIPTS = Path("/srv/sitekit/scripts")
TIER = {"cap": 250, "memory": 50, "cpus": 1, "seconds": 600}
JOB = r"""
group=/sys/fs/cgroup$(sed s/^0::// /proc/self/cgroup)
for name in memory.max memory.low memory.swap.max memory.oom.group pids.max cpu.max; do
    echo "$name $(cat "$group/$name")"
done
perl -e '$held = "x" x 90_000_000'; echo "below it $?"
perl -e '$held = "x" x 400_000_000'; echo "above it $?"
grep '^oom_kill ' "$group/memory.events"
kill -KILL $$
"""


def main() -> None:
    place = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    place.chmod(0o755)  # as root's programs of a site
    try:
        shutil.copy(SCRIPTS / "units.py", place)
        (place / "job.sh").write_text(JOB)
        config = {"folder": f"{place}/run/servers", "job_name": "jupyter-test",
                  "slice": "sitekit-test.slice", "session": "{}"}  # fmt: skip
        (place / "local_gate.json").write_text(json.dumps(config))
        sys.path.insert(0, str(place))
        import units

        job = f"{config['job_name']}-0123456789abcdef"
        units.start(config, job, pwd.getpwnam("alice"), TIER, {"SITEKIT_START": "one"})
        while (found := units.jobs(config, job))[0]["state"] != "ended":
            time.sleep(1)
        time.sleep(5)  # until the journal has the last lines
        print(json.dumps({"end": found[0], "lines": units.log(config, job).splitlines()}))
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
