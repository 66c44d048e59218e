"""What may be made again, and what leaves open whether it was done."""

from __future__ import annotations

import ssl
import xmlrpc.client
from contextlib import suppress

import pyone
import pytest
import requests
import urllib3.exceptions
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from edgewrap.errors import OpenNebulaError
from edgewrap.events import Event
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.retry import may_be_done, reads

READ, WRITE = "hostpool.info", "host.allocate"
URL = "http://127.0.0.1:2633/RPC2"


def refused() -> Exception:
    reason = NewConnectionError(HTTPConnection("127.0.0.1"), "[Errno 111] Connection refused")
    return requests.ConnectionError(MaxRetryError(None, URL, reason))  # type: ignore[arg-type]


def tls_error(reason: ssl.SSLError) -> Exception:
    inner = MaxRetryError(None, URL, urllib3.exceptions.SSLError(reason))  # type: ignore[arg-type]
    return requests.exceptions.SSLError(inner)


def http_error(status: int) -> Exception:
    return xmlrpc.client.ProtocolError(URL, status, "", {})


# An error, whether a read and a write are made again after it, and whether the write may have been done.
ERRORS: list[tuple[Exception, bool, bool, bool]] = [
    (refused(), True, True, False),
    (requests.ConnectTimeout(), True, True, False),
    (requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError())), True, False, True),
    (requests.exceptions.ChunkedEncodingError("Connection broken"), True, False, True),
    (http_error(503), True, False, True),
    (http_error(404), False, False, False),
    (requests.ReadTimeout(), False, False, True),
    (requests.exceptions.SSLError("certificate verify failed"), False, False, True),
    (tls_error(ssl.SSLCertVerificationError(1, "certificate verify failed")), False, False, True),
    (tls_error(ssl.SSLEOFError(8, "EOF occurred in violation of protocol")), True, False, True),
    (requests.exceptions.ProxyError("Cannot connect to proxy"), False, False, True),
    (xmlrpc.client.ResponseError(), False, False, True),
    (pyone.OneInternalException("NAME is already taken"), False, False, False),
]


class BrokenWire:
    """Answers the first call; fails the second time."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.made = 0

    def post(self, body: bytes) -> bytes:
        self.made += 1
        if self.made == 2:
            raise self._error
        return xmlrpc.client.dumps(([True, "answer", 0],), methodresponse=True).encode()


class WithoutPauses(FrontEnd):
    def pause(self, seconds: float) -> None:
        pass


def made_again(error: Exception, method: str, patience_s: float = 60) -> tuple[bool, list[str]]:
    """Whether the call was made again, and the events of the wait."""
    told: list[Event] = []
    wire = BrokenWire(error)
    front_end = WithoutPauses(URL, Session("a:b"), wire=wire, emit=told.append, patience_s=patience_s)
    front_end.call("system.version")
    with suppress(OpenNebulaError):
        front_end.call(method)
    return wire.made > 2, [event.kind.value for event in told]


@pytest.mark.parametrize(("error", "read", "write", "done"), ERRORS, ids=lambda value: type(value).__name__)
def test_which_calls_are_retried(error: Exception, read: bool, write: bool, done: bool) -> None:
    assert made_again(error, READ)[0] == read
    assert made_again(error, WRITE)[0] == write
    assert may_be_done(error, WRITE) == done
    assert not may_be_done(error, READ)


def test_start_and_end_of_the_wait_are_reported_once() -> None:
    assert made_again(refused(), READ) == (True, ["warning", "info"])


def test_nothing_is_retried_without_a_retry_time() -> None:
    assert made_again(refused(), READ, patience_s=0) == (False, [])


@pytest.mark.parametrize(
    ("method", "reading"),
    [
        ("system.version", True),
        ("system.config", True),
        ("vnpool.info", True),
        ("vn.info", True),
        ("vn.update", False),
        ("vn.recover", False),
        ("host.status", False),
        ("cluster.allocate", False),
    ],
)
def test_which_calls_are_reads(method: str, reading: bool) -> None:
    assert reads(method) is reading
