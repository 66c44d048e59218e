"""Warnings of tenants' networks that have addresses of the cluster, and which addresses are in use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgewrap.events import discard
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.diff import diff_context
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds.address_range import RangeFacts
from edgewrap.opennebula.kinds.base import User
from edgewrap.opennebula.kinds.elastic_ip_template import ELASTIC_IP_TEMPLATE
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from edgewrap.opennebula.plane import OpenNebulaPlane
from edgewrap.outputs import GroupOutput
from tests.support.front_end import URL, everything, outputs, reports

TEMPLATE = 7
GROUP = GroupOutput("group-0", 0, "eni-0", "02:00:00:00:00:01", "10.0.128.0", "10.0.128.0/25", "host-0", 1)


def network(
    number: int, *addresses: str, bridge: str = "br-edge", driver: bool = True, size: str = "1"
) -> NetworkFacts:
    """A tenant's network from the template."""
    mad = {"IPAM_MAD": "edgewrap"} if driver else {}
    ranges = tuple(RangeFacts(index, {"IP": address, "SIZE": size, **mad}) for index, address in enumerate(addresses))
    return NetworkFacts(number, f"net-{number}", 5, "bob", {"BRIDGE": bridge}, from_template=TEMPLATE, ranges=ranges)


def facts(*networks: NetworkFacts, groups: tuple[int, ...] = (0,)) -> OneFacts:
    mark = {"CLUSTER": "edge-paris", "KEY": ELASTIC_IP_TEMPLATE.key, "UUID": "UUID", "OWNER_UID": "0"}
    template = TemplateFacts(TEMPLATE, "edge-paris-elastic-ip", 0, "oneadmin", {"EDGEWRAP": mark})
    return OneFacts("7.4.0", User(0, "somebody", groups), {NetworkFacts: networks, TemplateFacts: (template,)})


@pytest.mark.parametrize(
    ("networks", "expected"),
    [
        pytest.param([network(1, "10.0.128.98")], [], id="as-the-driver-gave-it"),
        pytest.param([network(1, "10.0.128.98", driver=False)], ["which the IPAM driver did not give it"], id="chosen"),
        pytest.param([network(1, "192.168.0.1", driver=False)], [], id="not-of-the-cluster"),
        pytest.param([network(1, "10.0.128.98", bridge="onebr.3", driver=False)], [], id="another-bridge"),
        pytest.param(
            [network(1, "10.0.128.98"), network(2, "10.0.128.98")],
            ["10.0.128.98 is in the virtual network net-1 (id 1) of bob and in the virtual network net-2 (id 2)"],
            id="twice",
        ),
    ],
)
def test_warnings(networks: list[NetworkFacts], expected: list[str]) -> None:
    known = replace(outputs(uuid="UUID"), groups={"group-0": GROUP})
    context = diff_context(everything(), facts(*networks), known, reports(), 100)
    wanted = ELASTIC_IP_TEMPLATE.desired_object(context)
    found = [text for text in ELASTIC_IP_TEMPLATE.warnings(context, wanted) if text]
    assert len(found) == len(expected)
    assert all(part in text for part, text in zip(expected, found, strict=True))


def test_addresses_in_use_whatever_their_owners_say_about_them() -> None:
    plane = OpenNebulaPlane(everything(), FrontEnd(URL, Session("a:b")), discard)
    networks = (
        network(1, "10.0.128.2"),
        network(2, "10.0.128.4", driver=False, size="2"),
        network(3, "10.0.128.8", bridge="changed"),
        network(4, "10.0.128.10", bridge="other", driver=False),
        network(5, "", driver=False),
    )
    used = frozenset({"10.0.128.2", "10.0.128.4", "10.0.128.5", "10.0.128.8"})
    assert plane.used_addresses(facts(*networks)) == used
    assert plane.used_addresses(facts(*networks, groups=(1,))) is None
