"""How long a VM does not answer: pings and HTTP requests from the lab's internet, while a command runs.

`python -m edgewrap.lab.probe ADDRESS PORT` is the process that sends them, in the network of the lab's internet. It
ends when its standard input does.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from itertools import pairwise

from edgewrap.errors import LabError, ToolError
from edgewrap.lab.directory import LabDirectory
from edgewrap.lab.launch import entrance

_INTERVAL_S = 0.1
_ANSWER_S = 1.0  # a request that takes longer has failed
_FIRST_ANSWER_S = 10.0
_BEFORE_AND_AFTER_S = 1.0
_ANSWERED = "answered"
_REPLY = re.compile(r"^\[([0-9.]+)\] .* icmp_seq=([0-9]+) ttl=", re.MULTILINE)
_SENT = re.compile(r"([0-9]+) packets transmitted")


@dataclass(frozen=True, slots=True)
class Series:
    """Pings, or requests."""

    sent: int
    """How many were sent."""
    lost: int
    """How many had no answer."""
    longest_gap_s: float
    """The longest time between two answers, in seconds."""


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a probe saw."""

    address: str
    """The address that was asked."""
    ping: Series
    """The pings."""
    http: Series
    """The HTTP requests."""
    connections: int
    """How many TCP connections the requests needed."""


def probe(
    directory: LabDirectory, address: str, port: int, command: Sequence[str], environ: Mapping[str, str], *, quiet: bool
) -> tuple[int, ProbeReport]:
    """Run a command here, and ping and request from the internet all along. Returns its exit status and what was seen.
    With `quiet` its standard output is standard error.

    Raises LabError if the address does not answer at first, ToolError without the program `ping`.
    """
    if not shutil.which("ping"):
        raise ToolError("this machine lacks ping", cause="`lab probe` uses it", advice="apt-get install iputils-ping")
    network = entrance(directory, environ, place="internet").namespaces["net"]
    program = [sys.executable, "-m", __name__, address, str(port)]
    with subprocess.Popen(
        ["nsenter", f"--net={network}", "--", *program],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sender:
        assert sender.stdin is not None  # noqa: S101 - asked for above
        assert sender.stdout is not None  # noqa: S101
        if (first := sender.stdout.readline().strip()) != _ANSWERED:
            raise LabError(
                f"{address} does not answer {first or 'anything'} from the lab's internet",
                cause=f"no VM has the address, nothing listens on its port {port}, or a security group drops it",
                advice="see `edgewrap lab vm list`, and start a web server in the VM: `edgewrap lab exec --in NAME`",
            )
        time.sleep(_BEFORE_AND_AFTER_S)
        status = subprocess.run(command, stdout=sys.stderr if quiet else None, check=False).returncode
        time.sleep(_BEFORE_AND_AFTER_S)
        sender.stdin.close()
        seen = json.loads(sender.stdout.readline())
    return status, ProbeReport(address, Series(**seen["ping"]), Series(**seen["http"]), seen["connections"])


def ping_series(text: str) -> Series:
    """What `ping -D` has printed, as figures. The last ping may still have been on its way, so it is not counted."""
    answers = {int(number): float(at) for at, number in _REPLY.findall(text)}
    sent = int(found[1]) - 1 if (found := _SENT.search(text)) else 0
    lost = len(set(range(1, sent + 1)) - answers.keys())
    return Series(sent, lost, _longest_gap(sorted(answers.values())))


def _longest_gap(times: Sequence[float]) -> float:
    return round(max((later - earlier for earlier, later in pairwise(times)), default=0.0), 3)


class _Requests(threading.Thread):
    """HTTP requests in one connection for as long as it holds."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__()
        self.connections = self.sent = 0
        self.answers: list[float] = []
        self.stop = threading.Event()
        self._connection = HTTPConnection(address, port, timeout=_ANSWER_S)

    def run(self) -> None:
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                if self._connection.sock is None:
                    self._connection.connect()
                    self.connections += 1
                self._connection.request("GET", "/")
                self._connection.getresponse().read()
            except (OSError, HTTPException):
                self._connection.close()
            else:
                self.answers.append(time.monotonic())
            self.sent += 1 if self.answers else 0  # those before the first answer do not count
            time.sleep(max(0.0, begun + _INTERVAL_S - time.monotonic()))


def _send(address: str, port: int) -> None:
    """Ping and request until standard input ends, then print what came of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the process that started this one
    requests = _Requests(address, port)
    requests.start()
    pings = subprocess.Popen(
        ["ping", "-nD", "-i", str(_INTERVAL_S), address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(pings.stdout or ()))
    reader.start()
    deadline = time.monotonic() + _FIRST_ANSWER_S
    missing = {"pings", "HTTP requests"}
    while missing and time.monotonic() < deadline:
        time.sleep(0.05)
        if any(" ttl=" in line for line in list(lines)):
            missing.discard("pings")
        if requests.answers:
            missing.discard("HTTP requests")
    with suppress(BrokenPipeError):
        print(" or ".join(sorted(missing)) or _ANSWERED, flush=True)
    if not missing:
        sys.stdin.read()
    requests.stop.set()
    pings.send_signal(signal.SIGINT)  # it then prints how many it sent
    requests.join()
    reader.join()
    pings.wait()
    http = Series(requests.sent, requests.sent - len(requests.answers), _longest_gap(requests.answers))
    seen = {"ping": asdict(ping_series("".join(lines))), "http": asdict(http), "connections": requests.connections}
    with suppress(BrokenPipeError):
        print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    _send(sys.argv[1], int(sys.argv[2]))
