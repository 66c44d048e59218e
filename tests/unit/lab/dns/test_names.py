"""The lab's names: public ones lead outside to the public address, inside to the private one."""

from __future__ import annotations

import socket
import struct

import pytest

from edgewrap.lab.dns.message import answer
from edgewrap.lab.dns.names import names_inside, names_outside
from tests.support.snapshots import address, interface, snapshot

NAME, EIP, OTHER = (f"ec2-{text}.eu-west-3.compute.amazonaws.com" for text in ("198-51-100-1", "203-0-113-1", "x"))
HOST = interface(10, private_dns_name="ip-10-0-0-10.eu-west-3.compute.internal")
GROUP = interface(20, index=1, secondary_addresses=("10.0.0.22",))
ELSEWHERE = interface(30, subnet_id="subnet-2")
CLOUD = snapshot(
    HOST,
    GROUP,
    ELSEWHERE,
    addresses=(
        address("198.51.100.1", HOST).model_copy(update={"dns_name": NAME}),
        address("203.0.113.1", GROUP, "10.0.0.22").model_copy(update={"dns_name": EIP}),
        address("203.0.113.2", ELSEWHERE).model_copy(update={"dns_name": OTHER}),
        address("203.0.113.3", HOST),  # in a VPC without DNS hostnames: no name
    ),
)


def test_names_lead_to_public_addresses_outside_and_to_private_ones_in_their_own_vpc() -> None:
    assert names_outside(CLOUD) == {NAME: "198.51.100.1", EIP: "203.0.113.1", OTHER: "203.0.113.2"}
    own = {"ip-10-0-0-10.eu-west-3.compute.internal": "10.0.0.10"}
    assert names_inside(CLOUD, "vpc-1") == {NAME: "10.0.0.10", EIP: "10.0.0.22", OTHER: "203.0.113.2", **own}
    assert names_inside(CLOUD, "vpc-2") == {NAME: "198.51.100.1", EIP: "203.0.113.1", OTHER: "10.0.0.30"}


def query(name: str, kind: int = 1, flags: int = 0x0100) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!6H", 7, flags, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def test_an_address_is_answered_whatever_the_case_of_the_name() -> None:
    response = answer(query("A.Example"), {"a.example": "192.0.2.7"})
    assert response is not None
    assert response.endswith(socket.inet_aton("192.0.2.7"))
    assert struct.unpack_from("!4H", response) == (7, 0x8580, 1, 1)


@pytest.mark.parametrize(("name", "kind", "code"), [("b.example", 1, 3), ("a.example", 28, 0), ("b.example", 28, 3)])
def test_there_is_no_other_answer(name: str, kind: int, code: int) -> None:
    """No such name; or the name has no address of that kind."""
    response = answer(query(name, kind), {"a.example": "192.0.2.7"})
    assert response is not None
    assert struct.unpack_from("!4H", response) == (7, 0x8580 | code, 1, 0)


@pytest.mark.parametrize(
    "message", [b"", b"\0" * 12, query("a.example")[:-3], query("é.example"), query("a", flags=0x8000)]
)
def test_what_is_no_query_has_no_answer(message: bytes) -> None:
    assert answer(message, {"a": "192.0.2.7"}) is None
