"""The change of a host's disks, over SSH."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.errors import ConvergeError
from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.disks import disk_script
from edgewrap.hosts.operation import Operation
from edgewrap.hosts.remedies import cause_and_advice
from edgewrap.hosts.ssh.sessions import HostSession, tail

TIMEOUT_S = 600  # the largest disks take a minute to format


async def change_disks(visit: HostSession, host: DesiredHost, operations: Sequence[Operation]) -> None:
    """Make the host's disks as they should be. Raises ConvergeError if that fails."""
    answer = await visit.run_as_root(disk_script(host, operations), TIMEOUT_S)
    if answer.status != 0:
        words = tail(answer.stderr) or "the script printed no error"
        cause, advice = cause_and_advice(words, "fix the error above and re-run")
        raise ConvergeError(host.key, "its disks could not be changed", cause=cause, advice=advice)
