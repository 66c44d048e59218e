"""Servers on loopback that answer any request with odd bytes: never, without an end, drop by drop, or too much."""

from __future__ import annotations

import contextlib
import functools
import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"


def _slowly(data: Iterable[bytes]) -> Iterator[bytes]:
    for one in data:
        yield one
        time.sleep(0.02)


@functools.cache
def _bomb() -> bytes:
    packed = gzip.compress(b"\0" * (32 << 20), 9)
    return OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


ANSWERS: dict[str, Callable[[], Iterable[bytes]]] = {
    "silence": lambda: itertools.repeat(b""),
    "a drip of a status line": lambda: _slowly(itertools.repeat(b"H")),
    "a drip of a header": lambda: itertools.chain([OK], _slowly(itertools.repeat(b"X"))),
    "a drip of a body": lambda: itertools.chain([OK, b"\r\n"], _slowly(itertools.repeat(b"<"))),
    "endless headers": lambda: itertools.chain([OK], itertools.repeat(b"X-A: b\r\n" * 100)),
    "endless 100 Continue": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "an endless body": lambda: itertools.chain([OK, b"\r\n"], itertools.repeat(b"<" * 65536)),
    "an endless chunked body": lambda: itertools.chain(
        [OK, b"Transfer-Encoding: chunked\r\n\r\n"], itertools.repeat(b"10000\r\n" + b"<" * 65536 + b"\r\n")
    ),
    "a bomb": lambda: [_bomb()],
    "a page": lambda: [OK, b"Content-Length: 28\r\n\r\n", b"<html><body>hi</body></html>"],
    "no HTTP": lambda: [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "nothing": list,
    "a body that is cut off": lambda: [OK, b"Content-Length: 99\r\n\r\n<a>"],
}


@contextlib.contextmanager
def odd_server(answer: str) -> Iterator[str]:
    """The address (`http://127.0.0.1:PORT`) of a server with one of `ANSWERS`."""
    done = threading.Event()
    if answer == "a bomb":
        _bomb()  # it takes a while to pack

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                while connection.recv(65536):  # the whole request
                    pass
            connection.settimeout(None)
            for data in ANSWERS[answer]():
                if done.is_set():
                    return
                if data:
                    connection.sendall(data)
                else:
                    done.wait(0.05)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        done.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
