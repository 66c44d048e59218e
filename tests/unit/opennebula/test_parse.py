"""Recorded pools as facts."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest

from edgewrap.errors import OpenNebulaError
from edgewrap.opennebula import in_use
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.in_use import Vm
from edgewrap.opennebula.kinds import virtual_network
from edgewrap.opennebula.kinds.address_range import Lease
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.ownership import mark_of
from edgewrap.opennebula.kinds.template import text_of, vector_of
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from edgewrap.outputs import HostPin
from tests.support.recordings import Recording


def test_clusters(recording: Recording) -> None:
    hosts = (0, 1, 2) if recording.version == "6.10.0.1" else (0, 1)  # 6.10 accepts a host `bad name`
    edge, default = ClusterFacts.parse(recording.xml("full clusterpool"))
    assert (edge.id, edge.name, edge.uid, edge.hosts, edge.datastores) == (100, "edge-a", None, hosts, (100, 101))
    assert set(edge.networks) == {0, 2, 3}
    assert vector_of(edge.template, "EDGEWRAP") == {"CLUSTER": "edge-a", "VERSION": "1"}
    assert (default.id, default.datastores) == (0, (0, 1, 2))
    assert mark_of(edge) is None  # no key: nothing of ours


def test_hosts(recording: Recording) -> None:
    second, first = [host for host in HostFacts.parse(recording.xml("full hostpool")) if host.name != "bad name"]
    assert (first.id, first.name, first.clusters, first.vms) == (0, "198.51.100.10", (100,), ())
    assert text_of(first.template, "NOTE") == 'a "quoted" word, [brackets] and = sign'
    assert text_of(second.template, "VM_MAD") == "lxc"
    assert {first.status, second.status} == {"enabled"}
    (busy,) = HostFacts.parse(_pool("HOST_POOL", recording, "host with a vm"))
    assert (busy.vms, busy.state_word) == ((0,), "monitored")
    (emptied,) = HostFacts.parse(_pool("HOST_POOL", recording, "host empty again"))
    assert (emptied.vms, emptied.status) == ((), "disabled")


@pytest.mark.parametrize(
    "text", ["ssh-ed25519 AAAA\nhost-1 ssh-rsa BBBB", "ssh-ed25519\tAAAA\u2028\r", " ssh-ed25519  AAAA "]
)
def test_a_pinned_host_key_is_one_line_of_type_and_key(text: str) -> None:
    facts = HostFacts(0, "a", None, "", {"EDGEWRAP_SSH": {"INSTANCE_ID": "i-0", "HOST_KEY": text}})
    assert facts.pin == HostPin("i-0", "ssh-ed25519 AAAA")


def _pool(tag: str, recording: Recording, step: str) -> Element:
    pool = Element(tag)
    pool.append(recording.xml(step))
    return pool


def test_datastores(recording: Recording) -> None:
    system, image, *rest = DatastoreFacts.parse(recording.xml("full datastorepool"))
    assert (system.id, system.name, system.uid, system.owner) == (101, "edge-a-system", 0, "oneadmin")
    assert text_of(system.template, "REPLICA_HOST") == "198.51.100.11"
    assert (text_of(image.template, "SAFE_DIRS"), image.clusters, image.images) == ("/var/tmp /tmp", (100,), ())
    assert [one.name for one in rest] == ["files", "default", "system"]


def test_networks(recording: Recording) -> None:
    _ipam, tenants, public = NetworkFacts.parse(recording.xml("full vnpool"))
    assert (public.derived, public.used_leases, public.state) == (False, 0, virtual_network.READY)
    assert [one.key for one in public.ranges] == ["eip-30", ""]
    assert text_of(public.ranges[0].attributes, "EXTERNAL_IP") == "203.0.113.30"
    assert (tenants.name, tenants.from_template, tenants.derived) == ("tenant-1", 0, True)


def test_a_network_in_error(recording: Recording) -> None:
    broken = NetworkFacts.from_element(recording.xml("vnet in ERROR"))
    assert broken.state == virtual_network.ERROR
    assert broken.error.endswith("Wrong or empty IP attribute")


def test_reservations_and_leases(recording: Recording) -> None:
    reservation = NetworkFacts.from_element(recording.xml("reservation"))
    assert (reservation.parent, reservation.derived) == (1, True)
    parent = NetworkFacts.from_element(recording.xml("parent of a reservation"))
    assert (parent.derived, parent.used_leases) == (False, 3)
    assert parent.ranges[0].leases[0] == Lease("10.1.0.10", "network", 2)
    leased = NetworkFacts.from_element(recording.xml("vnet with a vm"))
    assert leased.ranges[0].leases == (Lease("10.0.128.0", "VM", 0),)


def test_templates(recording: Recording) -> None:
    (template,) = TemplateFacts.parse(recording.xml("vn template pool"))
    assert (template.id, template.name, template.owner) == (0, "edge-a-private", "oneadmin")
    assert text_of(template.template, "IP_LINK_CONF") == "nolearning="
    assert text_of(template.template, "CLUSTER_IDS") == "100"


def test_vms(recording: Recording) -> None:
    assert in_use.parse_vms(recording.xml("vm pool")) == (
        Vm(0, "tenant-vm", host=0, cluster=100, datastore=101, state="running"),
    )
    assert in_use.parse_vms(recording.xml("vm pool after")) == ()


def test_the_same_through_pyone(recording: Recording) -> None:
    """A range's own attributes, which pyone's bindings drop, are read too."""
    for step, root, parse in (
        ("full clusterpool", "CLUSTER_POOL", ClusterFacts.parse),
        ("full hostpool", "HOST_POOL", HostFacts.parse),
        ("full datastorepool", "DATASTORE_POOL", DatastoreFacts.parse),
        ("full vnpool", "VNET_POOL", NetworkFacts.parse),
        ("vn template pool", "VNTEMPLATE_POOL", TemplateFacts.parse),
        ("vm pool", "VM_POOL", in_use.parse_vms),
    ):
        front_end = FrontEnd("http://127.0.0.1:2633/RPC2", Session("a:b"), wire=recording.wire(step))
        assert parse(front_end.read("x.info", root=root)) == parse(recording.xml(step))


DAMAGED = [
    *({"INSTANCE_ID": "i-0", "HOST_KEY": key} for key in ("@cert-authority *", "ssh-ed25519 *", "x,*,!y AAAA", "")),
    {"INSTANCE_ID": "i-0"},
    {"HOST_KEY": "ssh-ed25519 AAAA"},
    "",
]


@pytest.mark.parametrize("attribute", DAMAGED, ids=str)
def test_a_damaged_pin_is_an_error_and_not_the_same_as_none(attribute: dict[str, str] | str) -> None:
    facts = HostFacts(7, "a", None, "", {"EDGEWRAP_SSH": attribute})
    with pytest.raises(OpenNebulaError, match=r"the pinned host key of host a \(id 7\) is damaged"):
        _ = facts.pin
