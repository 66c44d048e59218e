"""Real TCP connections between places of a lab: a server tells each client the source address that it saw."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.lab import Lab

PYTHON = sys.executable
NO_ANSWER = "no answer"
REFUSED = "refused"

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


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
