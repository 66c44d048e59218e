"""A TCP stream between two places of a lab, and how long it paused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.lab import Lab
from tests.support.packets import PYTHON

_FLOWING_S = 10.0

_SEND = """
import socket, sys, time
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])))
print("ready", flush=True)
connection, _ = listener.accept()
while True:
    connection.sendall(b"x" * 100)
    time.sleep(0.005)
"""
# Receives only, so that only its acknowledgements keep the connection tracked on the way.
_RECEIVE = """
import signal, socket, sys, time
longest, last = 0.0, time.monotonic()
def tell(*_):
    print(longest, time.monotonic() - last, flush=True)
    sys.exit()
signal.signal(signal.SIGTERM, tell)
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=30)
last = time.monotonic()
print("flowing", flush=True)
while connection.recv(65536):
    now = time.monotonic()
    longest, last = max(longest, now - last), now
print("closed", flush=True)
"""


@dataclass
class Stream:
    """What the receiver saw, once the block has ended. `longest_s`: the longest time without data; `lives`: whether
    data came to the end."""

    longest_s: float = 0.0
    lives: bool = False


@contextmanager
def stream(lab: Lab, sender: str, address: str, receiver: str, port: int) -> Iterator[Stream]:
    """Data from a server at `address` in the place `sender` to a client in the place `receiver`, for the block."""
    found = Stream()
    server = lab.start(PYTHON, "-c", _SEND, str(port), place=sender)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        client = lab.start(PYTHON, "-c", _RECEIVE, address, str(port), place=receiver)
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == "flowing\n"
            yield found
            time.sleep(0.3)
        finally:
            client.terminate()  # passed on to the receiver, once
            told, _ = client.communicate(timeout=_FLOWING_S)
        longest, since = (float(word) for word in told.split())
        found.longest_s, found.lives = longest, since < 0.25
    finally:
        server.terminate()
        server.communicate(timeout=_FLOWING_S)
