"""Which tests run on one worker of `pytest -n`: those of a file, and those of files that share an applied cluster."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

# Each group applies the cluster of tests/e2e/conftest.py once. Two groups take about as long as one another.
SHARED = (
    ("changed_after_plan", "commands", "drift", "packets", "ssh_cut_off", "terminal"),
    ("evpn", "many", "names", "reboot", "resume", "security_groups_and_migration"),
)
_GROUPS = {f"tests/e2e/test_{name}.py": f"cluster {number}" for number, names in enumerate(SHARED) for name in names}


class LabScheduling(LoadFileScheduling):
    """As `--dist loadfile`, with the files of a group as one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return _GROUPS.get(file, file)
