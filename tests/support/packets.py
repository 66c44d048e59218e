"""Real packets between places of a lab: TCP connections, whose server sends each client the source address that it saw;
and pings."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from tests.support.lab import Lab

PYTHON = sys.executable
NO_ANSWER = "no answer"
REFUSED = "refused"
_ANSWERED_S = 10.0

_SERVE = """
import socket, sys, threading
def serve(listener):
    while True:
        connection, peer = listener.accept()
        with connection:
            connection.sendall(peer[0].encode())
for listener in [socket.create_server(("0.0.0.0", int(port))) for port in sys.argv[1:]]:
    threading.Thread(target=serve, args=(listener,)).start()
print("ready", flush=True)
"""
_CONNECT = f"""
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])) as connection:
        print(connection.recv(64).decode())
except ConnectionRefusedError:
    print("{REFUSED}")
except OSError:
    print("{NO_ANSWER}")
"""


@contextmanager
def server(lab: Lab, place: str, *ports: int) -> Iterator[None]:
    """A server in a place, for the length of the block."""
    process = lab.start(PYTHON, "-c", _SERVE, *map(str, ports), place=place)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        _end(process)


def connect(lab: Lab, place: str, address: str, port: int, timeout_s: float = 2) -> str:
    """Connect from a place. Gives the source address that the server saw, `refused` or `no answer`."""
    return lab.run(PYTHON, "-c", _CONNECT, address, str(port), str(timeout_s), place=place).stdout.strip()


@dataclass
class Pings:
    """What came of pings, once the block has ended. `longest_s`: the longest time between two answers; `lost`: how many
    had none, but for the very last one, which may have been on its way."""

    sent: int = 0
    lost: int = 0
    longest_s: float = 0.0


@contextmanager
def pings(lab: Lab, place: str, target: str, *, interval_s: float = 0.1) -> Iterator[Pings]:
    """Pings all along the block, which begins when the first one is answered."""
    found = Pings()
    process = lab.start("ping", "-nD", "-i", str(interval_s), target, place=place)
    lines: list[str] = []
    answered = threading.Event()

    def read() -> None:  # always: ping blocks if nobody reads
        for line in process.stdout or ():
            lines.append(line)
            if " bytes from " in line:
                answered.set()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert answered.wait(_ANSWERED_S), f"{place} has no answer from {target}"
        yield found
    finally:
        process.send_signal(signal.SIGINT)  # passed on to ping, which then prints what it sent
        reader.join(_ANSWERED_S)
        _end(process)
    told = "".join(lines)
    answers = {int(number): float(at) for at, number in re.findall(r"^\[([0-9.]+)\] .* icmp_seq=(\d+) ttl", told, re.M)}
    summary = re.search(r"(\d+) packets transmitted", told)
    assert summary, told
    found.sent = int(summary[1])
    found.lost = len(set(range(1, found.sent)) - answers.keys())
    found.longest_s = max((later - earlier for earlier, later in pairwise(sorted(answers.values()))), default=0.0)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
