"""What a front-end, or something else at its endpoint, may answer: it is used in the form of its field, or refused."""

from __future__ import annotations

import xmlrpc.client
from contextlib import suppress
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.errors import EdgewrapError, OpenNebulaError
from edgewrap.opennebula import in_use
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.kinds.base import Existing, parse_user
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.virtual_network import NetworkFacts
from edgewrap.opennebula.plane import OpenNebulaPlane
from edgewrap.outputs import Outputs
from edgewrap.plane import Context
from tests.support.front_end import URL, LabWire, everything, outputs, reports, stage

LOGIN = Session("oneadmin:opennebula")


class Saying:
    """Gives the same answer to every call."""

    def __init__(self, *answer: Any) -> None:
        self._answer = xmlrpc.client.dumps(answer, methodresponse=True, allow_none=True).encode()

    def post(self, _body: bytes) -> bytes:
        return self._answer


def front_end(*answer: Any) -> FrontEnd:
    return FrontEnd(URL, LOGIN, wire=Saying(*answer))


HOST = "<HOST><ID>5</ID><NAME>a</NAME>{}</HOST>"
NETWORK = "<VNET><ID>5</ID><NAME>a</NAME>{}</VNET>"
RANGE = NETWORK.format("<AR_POOL><AR><AR_ID>0</AR_ID>{}</AR></AR_POOL>")


@pytest.mark.parametrize(
    ("of", "text", "said"),
    [
        (HostFacts, "<FOO/>", "one.hostpool.info is 'FOO': a HOST_POOL was expected"),
        (HostFacts, "<HOST_POOL><FOO/></HOST_POOL>", "HOST_POOL is 'FOO': only elements HOST were expected"),
        (ClusterFacts, "<HOST_POOL/>", "one.clusterpool.info is 'HOST_POOL': a CLUSTER_POOL was expected"),
        (HostFacts, "<html><body/></html>", "one.hostpool.info is 'html': a HOST_POOL was expected"),
        (HostFacts, "<HOST><NAME>a</NAME></HOST>", "HOST/ID is '': a whole number was expected"),
        (HostFacts, "<HOST><ID>5</ID></HOST>", "HOST/NAME is '': every object has one"),
        (HostFacts, "<HOST><ID>NaN</ID><NAME>a</NAME></HOST>", "HOST/ID is 'NaN': a whole number was expected"),
        (HostFacts, "<HOST><ID>1_0</ID><NAME>a</NAME></HOST>", "HOST/ID is '1_0': a whole number was expected"),
        (HostFacts, "<HOST><ID>\u0665</ID><NAME>a</NAME></HOST>", "HOST/ID is '\\u0665': a whole number was expected"),
        (HostFacts, f"<HOST><ID>{'9' * 5000}</ID></HOST>", f"HOST/ID is '{'9' * 59}…: a whole number was expected"),
        (HostFacts, "<HOST><ID>-1</ID><NAME>a</NAME></HOST>", "HOST/ID is -1: it cannot be negative"),
        (HostFacts, HOST.format("<ID>6</ID>"), "HOST/ID is ('5', '6'): only one was expected"),
        (HostFacts, HOST.format("<NAME>b</NAME>"), "HOST/NAME is ('a', 'b'): only one was expected"),
        (HostFacts, HOST.format("") * 2, "HOST_POOL is [5, 5]: each id was expected once"),
        (HostFacts, HOST.format("<STATE>-1</STATE>"), "HOST/STATE is -1: it cannot be negative"),
        (HostFacts, HOST.format("<VMS><ID>one</ID></VMS>"), "ID/. is 'one': a whole number was expected"),
        (HostFacts, HOST.format("<CLUSTER_ID>a</CLUSTER_ID>"), "HOST/CLUSTER_ID is 'a': a whole number was expected"),
        (NetworkFacts, NETWORK.format("<UID>x</UID>"), "VNET/UID is 'x': a whole number was expected"),
        (NetworkFacts, NETWORK.format("<USED_LEASES>many</USED_LEASES>"), "VNET/USED_LEASES is 'many'"),
        (NetworkFacts, NETWORK.format("<LOCK><LOCKED>y</LOCKED></LOCK>"), "VNET/LOCK/LOCKED is 'y'"),
        (NetworkFacts, NETWORK.format("<LOCK><LOCKED>1</LOCKED><TIME>1e99</TIME></LOCK>"), "VNET/LOCK/TIME is '1e99'"),
        (NetworkFacts, RANGE.format("<AR_ID>1</AR_ID>"), "AR/AR_ID is ('0', '1'): only one was expected"),
        (NetworkFacts, RANGE.format("<LEASES><LEASE><VM>a</VM></LEASE></LEASES>"), "LEASE/VM is 'a'"),
    ],
)
def test_an_object_of_another_form_is_refused(of: type[Existing], text: str, said: str) -> None:
    pool = text if "<HOST>" not in text and "<VNET>" not in text else f"<{of.tag}_POOL>{text}</{of.tag}_POOL>"
    with pytest.raises(OpenNebulaError) as raised:
        of.read_pool(front_end([True, pool, 0]))
    assert raised.value.what.startswith(f"the front-end's answer cannot be used: {said}")
    assert raised.value.cause
    assert raised.value.advice


def test_nothing_of_an_answer_is_written_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """pyone's bindings would write what they do not like of it."""
    state = "<STATE>\u202e99</STATE><IM_MAD>a</IM_MAD><IM_MAD>a</IM_MAD>"
    with suppress(OpenNebulaError):
        HostFacts.read_pool(front_end([True, f"<HOST_POOL>{HOST.format(state)}</HOST_POOL>", 0]))
    assert capfd.readouterr() == ("", "")


BOMB = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
DOCUMENTS = {
    "a bomb": f'<!DOCTYPE a [<!ENTITY e0 "{"lol" * 10}">{BOMB}]><HOST_POOL>&e9;</HOST_POOL>',
    "a file": '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><HOST_POOL>&e;</HOST_POOL>',
    "cut off": "<HOST_POOL><HOST>",
    "nothing": "<",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_xml_that_is_not_a_pool(document: str) -> None:
    with pytest.raises(OpenNebulaError, match=r"did not answer one\.hostpool\.info in XML-RPC"):
        HostFacts.read_pool(front_end([True, document, 0]))


@pytest.mark.parametrize(
    "answer",
    [[], [True], [True, "x"], [True, None, 0], [True, [], 0], [True, {"a": 1}, 0], [True, 1.5, 0], {}, "x", 7, None,
     [False], [False, None, None], [False, {"a": ["b"]}, "x"], [False, 7, 0x0100]],
)  # fmt: skip
def test_xml_rpc_that_is_not_opennebulas(answer: Any) -> None:
    one = front_end(answer)
    with pytest.raises(OpenNebulaError):
        one.call("system.version")
    with pytest.raises(OpenNebulaError):
        one.read("hostpool.info", root="HOST_POOL")


@pytest.mark.parametrize("answer", ["seven", "", -1, True, "<HOST/>", 1.0])
def test_a_new_object_without_an_id(answer: Any) -> None:
    with pytest.raises(OpenNebulaError):
        front_end([True, answer, 0]).allocate("host.allocate", "a")


def test_what_a_tenant_writes_into_a_network_stops_nobody() -> None:
    """A template is its owner's: nobody's run may end because of it."""
    template = "<TEMPLATE><TEMPLATE_ID>x</TEMPLATE_ID><EDGEWRAP_MTU>9999999999999</EDGEWRAP_MTU></TEMPLATE>"
    assert _network(NETWORK.format(template)).derived
    odd = RANGE.format(f"<IP>255.255.255.255</IP><SIZE>{'9' * 10}</SIZE>")
    assert _network(odd).ranges[0].addresses == {"255.255.255.255"}
    odd = RANGE.format(f"<IP>10.0.0.1</IP><SIZE>{'9' * 5000}</SIZE>")
    assert _network(odd).ranges[0].addresses == {"10.0.0.1"}


def _network(text: str) -> NetworkFacts:
    (network,) = NetworkFacts.read_pool(front_end([True, f"<VNET_POOL>{text}</VNET_POOL>", 0]))
    return network


class Recorder:
    """Remembers the answers of a front-end, and gives them again, one of them changed."""

    def __init__(self, wire: LabWire) -> None:
        self._wire = wire
        self.known: dict[str, bytes] = {}
        self.changed: dict[str, bytes] = {}

    def post(self, body: bytes) -> bytes:
        _, method = xmlrpc.client.loads(body)
        assert method is not None
        if method not in self.known:
            self.known[method] = self._wire.post(body)
        return self.changed.get(method, self.known[method])


def run(wire: Recorder, to: Outputs) -> None:
    """Everything that reads the front-end."""
    plane = OpenNebulaPlane(everything(), FrontEnd(URL, LOGIN, wire=wire), lambda _event: None)
    facts = plane.observe()
    plane.uuids(facts)
    plane.used_addresses(facts)
    plane.pins(facts)
    plane.preflight(facts)
    plane.plan(facts, Context(outputs=to, reports=reports()))
    plane.leases(facts, to)
    plane.destroy(facts, Context(outputs=to))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Recorder:
    """A front-end with a cluster, a VM, a lock, and a tenant's network on the bridge."""
    at = stage("7.4.0", tmp_path_factory.mktemp("front-end"))
    facts = at.applied(of=everything()).observe()
    public = next(one for one in facts.networks if one.name == "edge-paris-public")
    text = 'NAME = "tenants"\nVN_MAD = "fw"\nBRIDGE = "br-edge"\nAR = [ TYPE = "IP4", IP = "10.0.128.8", SIZE = "1" ]'
    at.one.call("vn.allocate", text, 0)
    at.vm(facts.hosts[0].id)
    at.one.call("vn.lock", public.id, 1, False)
    wire = Recorder(at.wire)
    for changed in (outputs(), outputs(eips=(0, 1, 2))):
        with suppress(EdgewrapError):  # a VM stops the destroy
            run(wire, changed)
    assert {"one.vn.info", "one.vmpool.info", "one.user.info", "one.system.config"} <= wire.known.keys()
    return wire


WORDS = st.sampled_from(["", "-1", "0", "NaN", "1e9", "9" * 5000, "\u0663", "x; y", "None", "a\u202eb", "10.0.0.1"])


@given(st.data())
def test_one_changed_element_is_refused_or_harmless(recorder: Recorder, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(sorted(recorder.known)))
    (answer,), _ = xmlrpc.client.loads(recorder.known[method])
    assert isinstance(answer, list)
    if isinstance(answer[1], str) and answer[1].startswith("<"):
        root = ElementTree.fromstring(answer[1])  # noqa: S314  our own front-end's
        parents = [element for element in root.iter() if len(element)]
        parent = data.draw(st.sampled_from(parents))
        child = data.draw(st.sampled_from(list(parent)))
        how = data.draw(st.sampled_from(["text", "removed", "twice", "renamed", "root"]))
        if how == "text":
            child.text = data.draw(WORDS)
        elif how == "removed":
            parent.remove(child)
        elif how == "twice":
            parent.append(deepcopy(child))
        elif how == "renamed":
            child.tag = "OTHER"
        else:
            root.tag = "OTHER"
        answer[1] = ElementTree.tostring(root, encoding="unicode")
    else:
        answer[1] = data.draw(WORDS | st.integers(-(2**31), 2**31 - 1) | st.booleans() | st.just([]))
    recorder.changed = {method: xmlrpc.client.dumps((answer,), methodresponse=True).encode()}
    for to in (outputs(), outputs(eips=(0, 1, 2))):
        with suppress(EdgewrapError):
            run(recorder, to)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_refused(body: bytes) -> None:
    class Anything:
        def post(self, _body: bytes) -> bytes:
            return body

    with pytest.raises(OpenNebulaError):
        FrontEnd(URL, LOGIN, wire=Anything()).read("hostpool.info", root="HOST_POOL")


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=9), st.lists, max_leaves=5))
def test_any_user_is_refused_or_read(answer: Any) -> None:
    with suppress(OpenNebulaError):
        parse_user(front_end(answer).read("user.info", -1, root="USER"))
    with suppress(OpenNebulaError):
        in_use.read_vms(front_end([True, answer, 0]))
