"""Whether hosts reach the front-end by its name."""

from __future__ import annotations

import socket
import subprocess

import pytest

from edgewrap.finding import Verdict
from edgewrap.hosts import front_end
from edgewrap.hosts.front_end import front_end_findings, probe_script

WELL = "22 open\n4124 open\n"


def test_all_is_well() -> None:
    [finding] = front_end_findings("one", {"host-0": WELL, "host-1": WELL})
    assert (finding.verdict, finding.text) == (Verdict.OK, "one answers host-0, host-1 at the ports 22 and 4124")


@pytest.mark.parametrize(
    ("answer", "texts"),
    [
        ("22 unresolved\n4124 unresolved\n", ["from host-1, one: its name cannot be resolved"]),
        (
            "22 refused\n4124 silent\n",
            [
                "from host-1, one, port 22 (SSH): the connection was refused",
                "from host-1, one, port 4124 (monitoring): no answer",
            ],
        ),
        ("22 open\n4124 silent\n", ["from host-1, one, port 4124 (monitoring): no answer"]),
        ("22 open", ["from host-1, one, port 4124 (monitoring): the check failed"]),
        ("22 $(x)\n4124 open\nmore\n", ["from host-1, one, port 22 (SSH): the check failed"]),
    ],
)
def test_each_problem_is_a_warning_with_its_hosts(answer: str, texts: list[str]) -> None:
    found = list(front_end_findings("one", {"host-0": WELL, "host-1": answer}))
    assert [finding.text for finding in found] == texts
    assert all(finding.verdict is Verdict.WARNING and finding.advice for finding in found)


def test_no_host_answered() -> None:
    assert list(front_end_findings("one", {})) == []


def test_the_script_tries_both_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as closed:
        ports = [one.getsockname()[1] for one in (listening, closed)]
        closed.close()
        monkeypatch.setattr(front_end, "PORTS", dict.fromkeys(ports, ""))
        done = subprocess.run(["sh"], input=probe_script("127.0.0.1"), capture_output=True, text=True, check=True)
    assert done.stdout == f"{ports[0]} open\n{ports[1]} refused\n"
