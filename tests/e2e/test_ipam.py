"""Elastic IPs requested through OpenNebula: the installed driver, run by the lab's front-end, and real packets."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import Element
from xmlrpc.client import ServerProxy

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.lab_opennebula import tree
from tests.support.packets import connect, server

INTERNET, WEB = "internet", 80
RANGE = 'AR = [ IPAM_MAD = "edgewrap", SIZE = "1", TYPE = "IP4" ]'
TENANT = "a-tenant:a password"
EVERYONE = (-2, -1, -1)


@pytest.fixture(scope="module")
def ipam(edge: Edge) -> Iterator[Edge]:
    """The shared cluster with the driver installed and self service for tenants; both are removed at the end."""
    before = edge.spec.read_text()
    edge.spec.write_text(before.replace("public_network:\n", "public_network:\n  self_service: true\n"))
    edge.lab.edgewrap("ipam", "install", "--file", str(edge.spec))
    edge.apply()
    edge.lab.quota(elastic_ips=64)
    user = edge.lab.one("one.user.allocate", *TENANT.split(":"), "core", [])
    yield edge
    edge.lab.one("one.user.delete", user)
    edge.lab.quota(elastic_ips=5)
    edge.spec.write_text(before)
    edge.apply()
    assert NOTHING_TO_DO in edge.apply()[1]


def as_tenant(edge: Edge, method: str, *parameters: object) -> Any:
    """One XML-RPC call as a user without rights of their own."""
    with edge.lab.network(), ServerProxy(edge.lab.facts["front_end_endpoint"]) as proxy:
        success, value, *_ = getattr(proxy, method)(TENANT, *parameters)
    if not success:
        raise RuntimeError(value)
    return value


def number_of(edge: Edge, pool: str, name: str, *more: int) -> int:
    """The id of the object of that name."""
    found = next(one for one in tree(edge.lab.one(pool, *EVERYONE, *more)) if one.findtext("NAME") == name)
    return int(found.findtext("ID") or "")


def public_network(edge: Edge) -> int:
    return number_of(edge, "one.vnpool.info", "edge-test-public")


def ranges(edge: Edge, network: int) -> dict[str, Element]:
    """The address ranges of the driver in a network, by key."""
    found = tree(edge.lab.one("one.vn.info", network, False)).findall("AR_POOL/AR")
    keys = {one.findtext("EDGEWRAP_KEY") or "": one for one in found}
    return {key: one for key, one in keys.items() if key.startswith("eip-x-")}


def until(edge: Edge, network: int, state: str) -> Element:
    """Wait for a network's state."""
    deadline = time.monotonic() + 60
    while (found := tree(edge.lab.one("one.vn.info", network, False))).findtext("STATE") != state:
        assert time.monotonic() < deadline, found.findtext("TEMPLATE/ERROR")
        time.sleep(0.1)
    return found


def in_aws(edge: Edge) -> list[str]:
    """The keys of the driver's Elastic IPs in AWS."""
    with edge.lab.network():
        found = edge.lab.ec2.describe_addresses(Filters=[{"Name": "tag:edgewrap:request", "Values": ["*"]}])
    tags = [{tag["Key"]: tag["Value"] for tag in one["Tags"]} for one in found["Addresses"]]
    return sorted(tag["edgewrap:key"] for tag in tags)


@contextmanager
def vm(edge: Edge, name: str, host: str, network: str, address: str) -> Iterator[None]:
    """A VM with that address and a web server, for the length of the block."""
    edge.lab.tool("lab", "vm", "start", name, "--host", host, "--network", network, "--ip", address)
    try:
        with server(edge.lab, name, WEB), server(edge.lab, INTERNET, WEB):
            yield
    finally:
        edge.lab.tool("lab", "vm", "stop", name)


def assert_reachable_on_every_host(edge: Edge, network: str, address: str, public: str) -> None:
    """From the internet by its Elastic IP, and seen there as it: on its entry host and on another one."""
    for host in edge.outputs["hosts"]:
        with vm(edge, "requested", host, network, address):
            internet = connect(edge.lab, INTERNET, "192.0.2.1", WEB)
            assert connect(edge.lab, INTERNET, public, WEB) == internet
            assert connect(edge.lab, "requested", internet, WEB) == public


def test_an_operator_adds_a_range(ipam: Edge) -> None:
    """Reachable without an apply; then adopted, then released."""
    network = public_network(ipam)
    ipam.lab.one("one.vn.add_ar", network, RANGE)
    ((key, made),) = ranges(ipam, network).items()
    assert in_aws(ipam) == [key]
    address, public = made.findtext("IP") or "", made.findtext("EXTERNAL_IP") or ""
    assert_reachable_on_every_host(ipam, "edge-test-public", address, public)

    plan = ipam.edgewrap("plan")[1]
    assert f"→ elastic ip {key}  (requested through OpenNebula)" in plan
    assert "opennebula: nothing to do\nhosts: nothing to do\n" in plan
    ipam.apply()
    assert ipam.edgewrap("plan")[1] == NOTHING_TO_DO.removesuffix("Nothing to do.\n")
    status = json.loads(ipam.edgewrap("status", "--json")[1])
    assert {eip["key"]: eip["made_by"] for eip in status["eips"]}[key] == "driver"
    assert ipam.output(f"eips.{key}.public_address") == public

    ipam.lab.one("one.vn.rm_ar", network, int(made.findtext("AR_ID") or ""), False)
    assert in_aws(ipam) == []
    assert NOTHING_TO_DO.removesuffix("Nothing to do.\n") in ipam.edgewrap("plan")[1]
    ipam.apply()
    assert key not in ipam.output()["eips"]


@pytest.mark.full
def test_a_tenant_makes_a_network_and_deletes_it(ipam: Edge) -> None:
    template = number_of(ipam, "one.vntemplatepool.info", "edge-test-elastic-ip")
    with pytest.raises(RuntimeError, match="Not authorized"):
        as_tenant(ipam, "one.vntemplate.instantiate", template, "mine", "")
    ipam.lab.one("one.vntemplate.chmod", template, -1, -1, -1, -1, -1, -1, 1, -1, -1, False)
    network = as_tenant(ipam, "one.vntemplate.instantiate", template, "mine", "")
    until(ipam, network, "1")
    ((key, made),) = ranges(ipam, network).items()
    address, public = made.findtext("IP") or "", made.findtext("EXTERNAL_IP") or ""
    assert_reachable_on_every_host(ipam, "mine", address, public)

    assert f"→ elastic ip {key}  (requested through OpenNebula)" in ipam.edgewrap("plan")[1]
    ipam.apply()
    assert ipam.edgewrap("plan")[1] == NOTHING_TO_DO.removesuffix("Nothing to do.\n")
    status, said = ipam.edgewrap("destroy", "--auto-approve", check=False)
    assert (status, f"the virtual network mine (id {network}) of a-tenant is made from its template" in said) == (
        1,
        True,
    )
    as_tenant(ipam, "one.vn.delete", network)
    deadline = time.monotonic() + 60
    while in_aws(ipam):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ipam.apply()
    assert ipam.edgewrap("plan")[1] == NOTHING_TO_DO.removesuffix("Nothing to do.\n")


def test_a_refusal_is_one_line_that_the_operator_sees(ipam: Edge) -> None:
    network = public_network(ipam)
    with pytest.raises(
        RuntimeError, match="a range of size 2 is not possible: each Elastic IP has a gateway of its own"
    ):
        ipam.lab.one("one.vn.add_ar", network, RANGE.replace('"1"', '"2"'))
    wanted = RANGE.replace(" ]", ', IP = "10.0.0.1" ]')
    made = ipam.lab.one("one.vn.allocate", f'NAME = "n"\nVN_MAD = "bridge"\n{wanted}', -1)
    found = until(ipam, made, "5")
    assert "a range cannot choose its IP" in (found.findtext("TEMPLATE/ERROR") or "")
    ipam.lab.one("one.vn.delete", made)
    assert in_aws(ipam) == []


@pytest.mark.full
def test_twenty_at_once_while_an_apply_runs(ipam: Edge) -> None:
    """Each range has an Elastic IP of its own; none is left over, and the apply is not disturbed."""
    network = public_network(ipam)
    ipam.lab.quota(elastic_ips=5 + 12)
    text = ipam.spec.read_text()
    ipam.spec.write_text(text.replace("description: web", "description: the web"))  # the apply has something to do

    def add(_: int) -> str:
        try:
            ipam.lab.one("one.vn.add_ar", network, RANGE)
        except RuntimeError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(21) as pool:
        applied = pool.submit(ipam.apply)
        answers = list(pool.map(add, range(20)))
        assert applied.result()[0] == 0
    ipam.spec.write_text(text)
    assert sorted(answers)[:12] == [""] * 12
    assert all("AddressLimitExceeded" in answer for answer in sorted(answers)[12:])
    found = ranges(ipam, network)
    assert sorted(found) == in_aws(ipam)
    assert len({one.findtext("EXTERNAL_IP") for one in found.values()}) == 12
    ipam.apply()
    assert ipam.edgewrap("plan")[1] == NOTHING_TO_DO.removesuffix("Nothing to do.\n")
    for one in found.values():
        ipam.lab.one("one.vn.rm_ar", network, int(one.findtext("AR_ID") or ""), False)
    assert in_aws(ipam) == []
    ipam.apply()
    ipam.lab.quota(elastic_ips=64)


@pytest.mark.full
def test_what_the_driver_needs_is_checked(ipam: Edge) -> None:
    done = ipam.lab.edgewrap("ipam", "install", "--file", str(ipam.spec), "--check", check=False)
    assert (done.returncode, "0 failure" in done.stdout or "failure" not in done.stdout) == (0, True), done.stdout
    assert "IPAM_MAD lists aws, dummy, edgewrap, equinix, scaleway, vultr" in done.stdout
    assert "the driver may allocate; " in done.stdout
    assert "fs and edgewrap are configured" in ipam.edgewrap("preflight")[1]
