"""Parsing what real hosts printed."""

from __future__ import annotations

import base64
import json
import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.hosts.authorized_keys import BLOCK_BEGIN, BLOCK_END
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import (
    BgpFacts,
    HostFacts,
    Link,
    Route,
    Rule,
    Unit,
    parse_facts,
)
from edgewrap.hosts.ip_json import FactsError
from edgewrap.hosts.script import converge_script
from tests.unit.hosts.recorded import DATA, recorded, wanted

ENTRY = (DATA / "entry.txt").read_text()


def _rows_of(section: str) -> list[dict[str, Any]]:
    """The rows of a recorded section; `ip` also prints empty ones."""
    found = re.search(rf"##edgewrap:section {section}\n(.*?)\n+##", ENTRY, re.DOTALL)
    assert found is not None
    return [row for row in json.loads(found[1]) if row]


def _with_rows(section: str, rows: list[dict[str, Any]]) -> str:
    pattern = rf"(##edgewrap:section {section}\n).*?(?=\n+##)"
    return re.sub(pattern, lambda match: match[1] + json.dumps(rows), ENTRY, count=1, flags=re.DOTALL)


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
    assert len(facts.proxies) == 126
    assert {("10.0.128.3", "gw-edge"), ("10.0.128.131", "gw-edge")} <= facts.proxies
    assert ("02:ed:0a:00:00:0a", "gw-port") in facts.static_fdb


def test_the_remaining_facts() -> None:
    facts = recorded("entry")
    assert facts.sysctls["net/ipv4/conf/ens6/rp_filter"] == "2"
    assert facts.units == {
        f"{name}.service": Unit(enabled=True) for name in ("edgewrap-network", "edgewrap-watch", "frr")
    }
    first = {"edge": "table ip edge {", "guard": "table bridge edge {", "firewall": "table inet edge-host {"}
    assert {name: table.live.splitlines()[0] for name, table in facts.tables.items()} == first
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


def test_the_text_of_a_file_is_read_line_by_line() -> None:
    lines = "/etc/edgewrap/x: a: b\n/etc/edgewrap/x:\n/etc/edgewrap/x:##edgewrap:section end\n/no/file: c\n"
    listed = f"##edgewrap:section files\n644 root:root {'0' * 64} /etc/edgewrap/x\n"
    text = ENTRY.replace("##edgewrap:section files\n", listed).replace("section texts\n", f"section texts\n{lines}")
    assert parse_facts(text).files["/etc/edgewrap/x"].text == " a: b\n\n##edgewrap:section end"


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
def test_an_invalid_answer_is_refused(text: str) -> None:
    with pytest.raises(FactsError):
        parse_facts(text)


JSON_SECTIONS = {name: _rows_of(name) for name in ("links", "routes", "rules", "proxies", "fdb")}


def _with_value(section: str, row: int, field: str, value: object) -> str:
    """The recorded answer with another value in one field of one row."""
    rows = [dict(each) for each in JSON_SECTIONS[section]]
    rows[row][field] = value
    return _with_rows(section, rows)


def _row_of(section: str, **fields: object) -> int:
    return next(n for n, row in enumerate(JSON_SECTIONS[section]) if fields.items() <= row.items())


ETH0, DEFAULT = _row_of("links", ifname="eth0"), _row_of("routes", dst="default", dev="eth0")


@pytest.mark.parametrize(
    ("section", "row", "field", "value", "shown"),
    [
        ("links", ETH0, "ifname", "ens5; touch /tmp/x #", 'ifname is "ens5; touch /tmp/x #"'),
        ("links", ETH0, "ifname", "sixteen-letters-", 'ifname is "sixteen-letters-"'),
        ("links", ETH0, "ifname", "..", 'ifname is ".."'),
        ("links", ETH0, "ifname", "-all", 'ifname is "-all"'),
        ("links", ETH0, "ifname", "a\x1b[2J\u202e", 'ifname is "a\\u001b[2J\\u202e"'),
        ("links", ETH0, "ifname", ["eth0"], 'ifname is ["eth0"]'),
        ("links", ETH0, "mtu", "9001", 'mtu is "9001"'),
        ("links", ETH0, "mtu", True, "mtu is true"),
        ("links", ETH0, "mtu", 1500.5, "mtu is 1500.5"),
        ("links", ETH0, "mtu", 60, "mtu of eth0 is 60"),
        ("links", ETH0, "mtu", 1279, "mtu of eth0 is 1279"),
        ("links", ETH0, "mtu", 9217, "mtu of eth0 is 9217"),
        ("links", ETH0, "master", "br edge", 'master is "br edge"'),
        ("links", ETH0, "address", "0e:\n", 'address is "0e:\\n"'),
        ("routes", DEFAULT, "dev", "ens5; touch /tmp/x #", 'dev is "ens5; touch /tmp/x #"'),
        ("routes", DEFAULT, "metric", "low", 'metric is "low"'),
        ("routes", DEFAULT, "gateway", "10.0.0.1 dev lo", 'gateway is "10.0.0.1 dev lo"'),
        ("routes", DEFAULT, "dst", "default table main", 'dst is "default table main"'),
        ("rules", 0, "iif", "a b", 'iif is "a b"'),
        ("rules", 0, "priority", None, "priority is null"),
        ("proxies", 0, "dst", "x", 'dst is "x"'),
        ("fdb", _row_of("fdb", state="static"), "mac", 7, "mac is 7"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(section: str, row: int, field: str, value: object, shown: str) -> None:
    with pytest.raises(FactsError) as caught:
        parse_facts(_with_value(section, row, field, value))
    assert str(caught.value) == f"{section}: {shown}"
    assert caught.value.rule.startswith("must be ")


@pytest.mark.parametrize("mtu", [1280, 9001, 9216])
def test_every_underlay_mtu_is_accepted(mtu: int) -> None:
    assert parse_facts(_with_value("links", ETH0, "mtu", mtu)).phydev_mtu == mtu


def test_an_interface_beside_the_default_route_may_have_any_mtu() -> None:
    loopback = _row_of("links", ifname="lo")
    assert JSON_SECTIONS["links"][loopback]["mtu"] == 65536
    bridge = _row_of("links", ifname="br-edge")  # the diff shows it, and apply corrects it
    link = parse_facts(_with_value("links", bridge, "mtu", 60)).link("br-edge")
    assert link is not None
    assert link.mtu == 60


@pytest.mark.parametrize("text", ["[" * 100_000, '[{"metric": Infinity, "table": Infinity}]', "[1]", "[[1]]"])
def test_json_that_is_not_a_route_table_is_refused(text: str) -> None:
    with pytest.raises(FactsError):
        parse_facts(re.sub(r"(##edgewrap:section routes\n).*?(?=\n+##)", lambda m: m[1] + text, ENTRY, flags=re.DOTALL))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


LINES = {
    line
    for facts in (HostFacts(), replace(recorded("entry"), routes=()))
    for line in converge_script(wanted(), diff(wanted(), facts)).splitlines()
}


@given(st.data(), JSON)
def test_any_value_at_any_place_is_refused_or_harmless(data: st.DataObject, value: object) -> None:
    section = data.draw(st.sampled_from(sorted(JSON_SECTIONS)))
    row = data.draw(st.integers(0, len(JSON_SECTIONS[section]) - 1))
    field = data.draw(st.sampled_from(sorted(JSON_SECTIONS[section][row])))
    with suppress(FactsError):
        facts = parse_facts(_with_value(section, row, field, value))
        # nothing that a host answers becomes a command on it
        assert set(converge_script(wanted(), diff(wanted(), facts)).splitlines()) <= LINES
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}|", facts.phydev)
        assert facts.phydev_mtu == 0 or 1280 <= facts.phydev_mtu <= 9216


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


SECTIONS = re.findall(r"##edgewrap:section (\S+)", ENTRY)
LINE = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    [
        "644 root:root",
        "a:b:c",
        "-all",
        "+x",
        "state=new",
        "|\r",
        "pending",
        "[" * 5000,
        "9" * 5000,
        "\x1b]0;x\x07",
        "==",
    ]
)


@given(st.sampled_from(SECTIONS), st.lists(LINE, max_size=4).map("\n".join))
def test_a_section_of_any_text_is_refused_or_harmless(section: str, text: str) -> None:
    answer = re.sub(rf"(##edgewrap:section {section}\n).*?(?=\n+##|\Z)", lambda m: m[1] + text, ENTRY, flags=re.DOTALL)
    with suppress(FactsError):
        facts = parse_facts(answer)
        lines = converge_script(wanted(), diff(wanted(), facts)).splitlines()
        assert not [line for line in text.splitlines() if len(line) > 3 and line in lines and line not in LINES]


@given(st.integers(min_value=0, max_value=len(ENTRY)))
def test_an_answer_cut_off_anywhere_is_refused(length: int) -> None:
    if length < ENTRY.index("##edgewrap:section end"):
        with pytest.raises(FactsError):
            parse_facts(ENTRY[:length])
