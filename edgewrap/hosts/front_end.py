"""Whether hosts reach the front-end by its own name: the script that tries it, and what its answers mean. Pure.

OpenNebula's transfer drivers run on the hosts and copy to `FRONT-END'S HOST NAME:PATH` over SSH: after `onevm stop` and
`undeploy`, and when a disk is saved as an image. Monitoring connects to port 4124.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from shlex import quote

from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict

CHECK = "front-end as hosts see it"
PORTS = {22: "SSH", 4124: "monitoring"}
_TIMEOUT_S = 3

OPEN, UNRESOLVED, REFUSED, SILENT = "open", "unresolved", "refused", "silent"
_PROBLEMS = {
    UNRESOLVED: ("its name cannot be resolved", "set opennebula.front_end.address, then apply"),
    REFUSED: ("the connection was refused", "start the service on the front-end, or correct opennebula.front_end"),
    SILENT: ("no answer", "open the port on the front-end for the hosts' addresses, or correct opennebula.front_end"),
}


def probe_script(name: str) -> str:
    """The script for a host: one line for each port, with its number and the result."""
    return f"""python3 - {quote(name)} <<'END'
import socket, sys
for port in {tuple(PORTS)}:
    try:
        socket.create_connection((sys.argv[1], port), {_TIMEOUT_S}).close()
        found = "{OPEN}"
    except socket.gaierror:
        found = "{UNRESOLVED}"
    except ConnectionRefusedError:
        found = "{REFUSED}"
    except OSError:
        found = "{SILENT}"
    print(port, found)
END
"""


def front_end_findings(name: str, answers: Mapping[str, str]) -> Iterable[Finding]:
    """What the answers of the hosts mean, by their keys: one finding for each problem, or one for all if there is
    none."""
    problems: dict[tuple[str, str], list[str]] = {}
    for key, answer in answers.items():
        results = dict(line.split(maxsplit=1) for line in answer.splitlines() if line.count(" ") == 1)
        for port, service in PORTS.items():
            if results.get(str(port)) != OPEN:
                cause, advice = _PROBLEMS.get(results.get(str(port), ""), ("the check failed", "re-run"))
                where = name if cause == _PROBLEMS[UNRESOLVED][0] else f"{name}, port {port} ({service})"
                problems.setdefault((f"{where}: {cause}", advice), []).append(key)
    for (text, advice), keys in problems.items():
        yield Finding(PlaneName.HOSTS, CHECK, Verdict.WARNING, f"from {', '.join(dict.fromkeys(keys))}, {text}", advice)
    if answers and not problems:
        text = f"{name} answers {', '.join(answers)} at the ports {' and '.join(map(str, PORTS))}"
        yield Finding(PlaneName.HOSTS, CHECK, Verdict.OK, text)
