"""Parsing what real hosts printed."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.hosts.facts import (
    BLOCK_BEGIN,
    BLOCK_END,
    BgpFacts,
    FactsError,
    Link,
    Route,
    Rule,
    Unit,
    parse_facts,
)
from tests.unit.hosts.recorded import DATA, recorded

ENTRY = (DATA / "entry.txt").read_text()


def test_links() -> None:
    facts = recorded("entry")
    assert facts.link("br-edge") == Link("br-edge", "02:ee:0a:00:00:0a", 1450, True, kind="bridge")
    assert facts.link("gw-edge") == Link("gw-edge", "02:ed:0a:00:00:0a", 1450, True, kind="veth", lower="gw-port")
    port, vxlan = facts.link("gw-port"), facts.link("vx-edge")
    assert port is not None
    assert vxlan is not None
    assert (port.master, vxlan.master) == ("br-edge", "br-edge")
    assert dict(vxlan.settings) == {
        "vxlan id": "16000000",
        "vxlan local": "10.0.0.10",
        "vxlan port": "8472",
        "vxlan learning": "no",
        "bridge learning": "no",
        "bridge neigh_suppress": "no",
    }
    interface = facts.interface_of("0e:00:00:00:00:01")
    assert interface is not None
    assert (interface.name, interface.up, interface.addresses) == ("ens6", True, ("10.0.128.0/32",))


def test_routes_and_rules() -> None:
    facts = recorded("entry")
    assert Route(10000, "10.0.128.2", "gw-edge") in facts.routes
    assert Route(10001, "default", "ens6", gateway="10.0.0.1", onlink=True) in facts.routes
    assert Rule(1000, 10000) in facts.rules
    assert Rule(1001, 10001, source="10.0.128.0/25", interface="gw-edge") in facts.rules
    assert facts.proxies == {("10.0.128.3", "gw-edge"), ("10.0.128.131", "gw-edge")}
    assert ("02:ed:0a:00:00:0a", "gw-port") in facts.static_fdb


def test_the_rest() -> None:
    facts = recorded("entry")
    assert facts.sysctls["net/ipv4/conf/ens6/rp_filter"] == "2"
    assert facts.units == {
        f"{name}.service": Unit(enabled=True) for name in ("edgewrap-network", "edgewrap-watch", "frr")
    }
    first = {"edge": "table ip edge {", "guard": "table bridge edge {", "firewall": "table inet edge-host {"}
    assert {name: table.live[0] for name, table in facts.tables.items()} == first
    assert all(table.live == table.saved for table in facts.tables.values())
    assert facts.bgp == BgpFacts(running=True)
    assert facts.mtu_over("10.0.0.10") == 1500
    assert facts.mtu_over("10.0.0.11") == 0
    assert (facts.phydev, facts.phydev_mtu) == ("eth0", 1500)
    assert facts.missing_tools == ()


def test_files_as_they_are_listed() -> None:
    files = parse_facts(ENTRY).files
    assert files["/etc/edgewrap/network.sh"].mode == "755"
    assert files["/etc/frr/frr.conf"].mode == "640"
    frr = {path for path, fact in files.items() if fact.owner == "root:frr"}
    assert frr == {"/etc/frr/frr.conf", "/etc/frr/daemons"}
    assert {fact.owner for path, fact in files.items() if path not in frr} == {"root:root"}


def test_a_file_whose_name_has_another_line_break_is_one_file() -> None:
    path = "/etc/edgewrap/a\u2028644 root:root 0 /etc/shadow"
    line = f"644 root:root {'0' * 64} {path}"
    files = parse_facts(ENTRY.replace("##edgewrap:section files\n", f"##edgewrap:section files\n{line}\n")).files
    assert path in files
    assert files.keys() - {path} == parse_facts(ENTRY).files.keys()


def test_a_bare_host() -> None:
    facts = recorded("bare")
    assert facts.link("br-edge") is None
    assert not any(table.live or table.saved for table in facts.tables.values())
    assert facts.files.keys() == {"/etc/frr/frr.conf", "/etc/frr/daemons"}  # the package's own
    assert not facts.units["edgewrap-network.service"].enabled
    assert not facts.bgp.running
    assert facts.phydev == "eth0"


@pytest.mark.parametrize(
    ("kind", "name", "lower"),
    [("vlan", "ens6.7", "ens6"), ("macvlan", "mac0", "ens6")],
)
def test_a_device_stacked_on_the_interface_is_not_the_interface(kind: str, name: str, lower: str) -> None:
    row = {"ifname": name, "link": lower, "address": "0e:00:00:00:00:01", "mtu": 1500, "flags": [], "addr_info": []}
    first = f"[{str(row).replace(chr(39), chr(34))},"
    facts = parse_facts(ENTRY.replace("##edgewrap:section links\n[", f"##edgewrap:section links\n{first}", 1))
    interface = facts.interface_of("0e:00:00:00:00:01")
    assert interface is not None
    assert interface.name == "ens6"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sudo: a password is required",
        ENTRY.replace("##edgewrap:section end", ""),
        ENTRY.replace('"ifname"', '"name"'),
    ],
    ids=["nothing", "something else", "cut off", "other JSON"],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(FactsError):
        parse_facts(text)


def _with_keys(text: str) -> tuple[str, ...] | None:
    head, _ = ENTRY.split("##edgewrap:section keys\n")
    keys = base64.encodebytes(text.encode()).decode()
    return parse_facts(f"{head}##edgewrap:section keys\n{keys}\n##edgewrap:section end\n").authorized_keys


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ssh-ed25519 AAAA own\n", None),
        (f"a\n{BLOCK_BEGIN}\none\ntwo\n{BLOCK_END}\nb\n", ("one", "two")),
        (f"{BLOCK_BEGIN}\n{BLOCK_END}\n", ()),
        (f"{BLOCK_BEGIN}\none\n", None),
        (f"{BLOCK_END}\none\n{BLOCK_BEGIN}\n", None),
        (f"{BLOCK_BEGIN}\none \x85a\u2028b\fc\n{BLOCK_END}\n", ("one \x85a\u2028b\fc",)),
    ],
    ids=["none", "a block", "an empty one", "no end", "turned round", "other line breaks"],
)
def test_our_block_of_keys(text: str, keys: tuple[str, ...] | None) -> None:
    assert _with_keys(text) == keys


@given(st.text())
def test_any_other_text_is_refused_or_read_but_never_breaks(text: str) -> None:
    with suppress(FactsError):
        parse_facts(text)


@given(st.integers(min_value=0, max_value=len(ENTRY)))
def test_an_answer_cut_off_anywhere_is_refused(length: int) -> None:
    if length < ENTRY.index("##edgewrap:section end"):
        with pytest.raises(FactsError):
            parse_facts(ENTRY[:length])
