"""What recorded failures become, of both versions alike; and what happens where no front-end answers."""

from __future__ import annotations

import xmlrpc.client

import pytest
import requests

from edgewrap.errors import (
    AuthenticationError,
    AuthorizationError,
    FrontEndUnreachableError,
    InUseError,
    OpenNebulaError,
)
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.errors import NameTakenError, NoSuchObjectError
from tests.support.recordings import Recording

URL = "http://127.0.0.1:2633/RPC2"
LOGIN = Session("operator:very-secret")
STEPS: dict[str, tuple[type[OpenNebulaError], str]] = {
    "bad auth": (AuthenticationError, "the front-end does not accept the login of the user operator"),
    "unauthorized": (AuthorizationError, "operator may not do one.x.y: User [2] : Not authorized to perform CREATE"),
    "cluster duplicate": (NameTakenError, "NAME is already taken by CLUSTER 100"),
    "host duplicate": (NameTakenError, "NAME is already taken by HOST 0"),
    "datastore duplicate": (NameTakenError, "NAME is already taken by DATASTORE 100"),
    "vnet duplicate": (NameTakenError, "NAME is already taken by NET 0"),
    "vn template duplicate": (NameTakenError, "NAME is already taken by VN TEMPLATE 0"),
    "host rename clash": (NameTakenError, "it collides with host 0"),
    "cluster bad id": (NoSuchObjectError, "Error getting cluster [9999]"),
    "vnet gone": (NoSuchObjectError, "Error getting virtual network [0]"),
    "vnet rm_ar gone": (NoSuchObjectError, "Address Range does not exist"),
    "vnet update_ar bad id": (NoSuchObjectError, "Address Range with ID 77 was not found"),
    "vnet rm_ar in use": (InUseError, "leases in use"),
    "vnet delete in use": (InUseError, "leases in use"),
    "host delete with a vm": (InUseError, "running VMs"),
    "image datastore not empty": (InUseError, "Datastore 100 is not empty"),
    "cluster not empty": (InUseError, "Cluster 100 is not empty"),
    "cluster parse error": (OpenNebulaError, "Parse error"),
    "vnet add_ar bad": (OpenNebulaError, "one.x.y: Wrong or empty IP attribute"),
    "host bad status": (OpenNebulaError, "one.x.y: Wrong status code"),
    "vnet ipam unknown driver": (OpenNebulaError, "one.x.y: no reason given"),
    "unknown method": (OpenNebulaError, "the front-end does not know one.x.y"),
    "arity": (OpenNebulaError, "Not enough parameters"),
    "cluster empty name": (OpenNebulaError, "Invalid NAME, it cannot be empty"),
    "host empty im": (OpenNebulaError, "IM_MAD_NAME cannot be empty"),
}


@pytest.mark.parametrize("step", STEPS)
def test_recorded_failures(recording: Recording, step: str) -> None:
    kind, text = STEPS[step]
    front_end = FrontEnd(URL, LOGIN, wire=recording.wire(step))
    with pytest.raises(OpenNebulaError) as raised:
        front_end.call("x.y")
    assert type(raised.value) is kind
    assert text in raised.value.what
    assert raised.value.cause
    assert raised.value.advice
    assert "very-secret" not in f"{raised.value} {raised.value.cause} {raised.value.advice}"


class FailingWire:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def post(self, body: bytes) -> bytes:
        raise self._error


class SayingWire:
    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def post(self, body: bytes) -> bytes:
        return self._answer


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (requests.ConnectionError("refused"), f"{URL} is not reachable"),
        (requests.ReadTimeout(), f"{URL} did not answer in time"),
        (
            requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"),
            f"{URL}: its certificate is not trusted",
        ),
        (requests.exceptions.SSLError("EOF occurred in violation of protocol"), f"{URL} is not reachable"),
        (xmlrpc.client.ProtocolError(URL, 404, "Not Found", {}), f"{URL} answered with HTTP status 404"),
    ],
)
def test_a_front_end_that_does_not_answer(error: Exception, what: str) -> None:
    with pytest.raises(FrontEndUnreachableError) as raised:
        FrontEnd(URL, LOGIN, wire=FailingWire(error)).call("system.version")
    assert raised.value.what == what


@pytest.mark.parametrize("answer", [b"<html>It works!</html>", b"", b"not XML", b"<methodResponse/>"])
def test_a_server_that_is_not_a_front_end(answer: bytes) -> None:
    with pytest.raises(FrontEndUnreachableError, match=r"did not answer one\.system\.version in XML-RPC"):
        FrontEnd(URL, LOGIN, wire=SayingWire(answer)).call("system.version")


@pytest.mark.parametrize("value", [7, "", "a word"])
def test_a_read_that_is_not_answered_with_xml(value: int | str) -> None:
    answer = xmlrpc.client.dumps(([True, value, 0],), methodresponse=True).encode()
    with pytest.raises(FrontEndUnreachableError, match=r"did not answer one\.hostpool\.info in XML-RPC"):
        FrontEnd(URL, LOGIN, wire=SayingWire(answer)).read("hostpool.info", root="HOST_POOL")


@pytest.mark.parametrize(("code", "other_version"), [(-501, True), (-502, True), (-505, False), (-509, False)])
def test_which_faults_mean_another_version(code: int, other_version: bool) -> None:
    """-505 is a time-out of the server's own, -509 a call that is too large for it."""
    answer = xmlrpc.client.dumps(xmlrpc.client.Fault(code, "no"), methodresponse=True).encode()
    with pytest.raises(OpenNebulaError) as raised:
        FrontEnd(URL, LOGIN, wire=SayingWire(answer)).call("system.version")
    assert ("arguments that edgewrap does not know" in raised.value.cause) is other_version
