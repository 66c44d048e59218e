"""A gate before a lab's server: it records the requests, and kills the run that sends a chosen write.

It is outside the run, at the address of AWS or the front-end: no code of edgewrap knows about it.
"""

from __future__ import annotations

import http.client
import re
import select
import socket
import threading
import xmlrpc.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.support.lab import Lab

ANSWER_S = 150
_READS = ("Describe", "Get", "List", "Head")
_AWS_KEY = "edgewrap:key"
_ONE_KEY = re.compile(r'KEY\s*=\s*"([^"]+)"')


class Point(NamedTuple):
    """Where a run is killed: right before or right after an outside effect. `what` names it in any run."""

    when: str
    what: str

    def __str__(self) -> str:
        return f"{self.when} {self.what}"


Wanted = Callable[[Point], bool]


def aws_write(body: bytes) -> str:
    """The name of a write to EC2, such as `CreateSecurityGroup security-group-vms`; empty for a read."""
    parameters = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    action = parameters.get("Action", "")
    if not action or action.startswith(_READS):
        return ""
    tagged = [name for name, value in parameters.items() if value == _AWS_KEY]
    return f"{action} {parameters[tagged[0].removesuffix('Key') + 'Value']}" if tagged else action


def one_write(body: bytes) -> str:
    """The name of a write to the front-end, such as `host.allocate host-0`; empty for a read."""
    parameters, method = xmlrpc.client.loads(body)
    name = str(method).removeprefix("one.")
    if name.endswith(".info") or name.startswith("system."):
        return ""
    key = next((found[1] for found in (_ONE_KEY.search(str(value)) for value in parameters) if found), "")
    status = str(parameters[2]) if name == "host.status" else ""
    return f"{name} {key}{status}".strip()


class Gate:
    """Passes on what it gets to `target`, one call at a time, from a port of its own in the lab.

    `name` gives the name of the write in a request's body. Before and after each write, `wanted` is
    called with the point; if it returns true, `kill` is called. If that returns that the client is dead, the request is
    dropped.
    """

    def __init__(self, target: str, name: Callable[[bytes], str]) -> None:
        parts = urlsplit(target)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._name = name
        self._turn = threading.Lock()
        self.path = parts.path
        self.endpoint = ""
        self.wanted: Wanted = lambda point: False
        self.kill: Callable[[Point], bool] = lambda point: False
        self.writes: list[str] = []

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Pass on one request."""
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        if len(body) < length:  # the client was killed before it had sent all
            request.close_connection = True
            return
        with self._turn:
            if _has_gone(request):  # a request of a killed run must not count for the next one
                request.close_connection = True
                return
            write = self._name(body)
            if write and self._killed(Point("before", write)):
                request.close_connection = True
                return
            status, reason, headers, answer = self._ask(request, body)
            if write:
                self.writes.append(write)
                if self._killed(Point("after", write)):
                    request.close_connection = True
                    return
        try:
            request.send_response_only(status, reason)
            for header, value in headers:
                if header.lower() not in ("transfer-encoding", "connection"):
                    request.send_header(header, value)
            request.send_header("Connection", "close")  # as the lab's AWS does; it makes the handler end, too
            request.end_headers()
            request.wfile.write(answer)
        except OSError:  # the client was killed
            request.close_connection = True

    def _killed(self, point: Point) -> bool:
        return self.wanted(point) and self.kill(point)

    def _ask(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, str, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=ANSWER_S)
        try:
            connection.request(request.command, request.path, body, dict(request.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.getheaders(), answer.read()
        finally:
            connection.close()


@contextmanager
def opened(lab: Lab, *gates: Gate) -> Iterator[None]:
    """The gates, open in the lab's network for the length of the block."""
    servers: list[ThreadingHTTPServer] = []
    ready = threading.Event()

    def serve() -> None:
        with lab.network():  # the threads that answer are started here, so they are in that network
            for gate in gates:
                server = _Server(("127.0.0.1", 0), _handler(gate))
                gate.endpoint = f"http://127.0.0.1:{server.server_port}{gate.path}"
                servers.append(server)
            others = [threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True) for server in servers]
            for thread in others:
                thread.start()
            ready.set()
            for thread in others:
                thread.join()

    threading.Thread(target=serve, daemon=True).start()
    assert ready.wait(10), "the gates did not open"
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _has_gone(request: BaseHTTPRequestHandler) -> bool:
    """Whether the client has closed the connection, as the kernel does for a killed process."""
    readable, _, _ = select.select([request.connection], [], [], 0)
    try:
        return bool(readable) and not request.connection.recv(1, socket.MSG_PEEK)
    except OSError:
        return True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # Terraform opens dozens of connections at once: with 5, some of them are reset

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is killed lets its connections drop."""


def _handler(gate: Gate) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def log_message(self, *_: object) -> None:
            pass

        def do_any(self) -> None:
            gate.handle(self)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any  # noqa: N815 - the base class's names

    return Handler
