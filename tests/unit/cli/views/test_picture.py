"""The three forms of a cluster's picture, and texts of tenants in them."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.cli.views.picture import Format, draw, print_picture
from edgewrap.cli.views.picture.cards import cards
from edgewrap.engine.picture import picture_of
from edgewrap.engine.status import ClusterStatus
from tests.support.reports import HOSTILE, broken_status, cluster_status

SVG = "{http://www.w3.org/2000/svg}"
LARGE = cluster_status("edge-large", hosts=20, eips=100, groups=20)

SMALL_TEXT = """\
edge-paris: eu-west-3, zone eu-west-3a, vpc-0a1b2c3d4e5f67890
2 hosts, 2 interface groups, 8 Elastic IPs, 4 VMs; nothing is broken
front-end  OpenNebula 7.0.1
host-0  203.0.113.10 10.0.0.10  running, monitored, ready
├─ BGP with host-1
└─ group-0  10.0.128.0/27
   ├─ eip-0 198.51.100.10 VM 0 on host-1
   ├─ eip-2 198.51.100.12 VM 2 on host-1
   ├─ eip-4 198.51.100.14 VM 4 on host-1
   └─ eip-6 198.51.100.16 VM 6 on host-1
host-1  203.0.113.11 10.0.0.11  running, monitored, ready
├─ BGP with host-0
├─ VM 0 web-0: running
├─ VM 2 web-2: running
├─ VM 4 web-4: running
├─ VM 6 web-6: running
└─ group-1  10.0.136.0/27
   └─ 4 free, eip-1 to eip-7
"""
BROKEN_LINES = (
    "  host-1: its instance is stopped",
    "├─ no BGP with host-1: Active",
    "├─ BROKEN: its instance is stopped",
    "├─ BROKEN: BGP with host-0: Active",
    "   ├─ BROKEN: its entry host host-1 does not work: its instance is stopped",
    "   └─ BROKEN: eip-7 198.51.100.17 free",
    "├─ BROKEN: VM 77 batch: boot failure",
    "on no host",
    "├─ VM 78 old: poweroff",
    "   ├─ BROKEN: it has no entry host",
)
MERMAID_LINE = re.compile(
    r"flowchart TB|  end|  linkStyle [\d,]+ stroke:#b3141d,stroke-width:2px|"
    r"  subgraph \w+\[\"[^\"]*\"\]|  classDef \w+ [\w:#,-]+|"
    r" +\w+\[\"[^\"]*\"\](:::\w+)?| +\w+ (---|-->|<-- \"BGP\" -->|x-\. \"BROKEN: BGP [^\"]*\" \.-x) \w+"
)


def test_text() -> None:
    assert draw(picture_of(cluster_status(hosts=2, groups=2)), Format.TEXT) == SMALL_TEXT


def test_text_says_what_is_broken() -> None:
    lines = draw(picture_of(broken_status()), Format.TEXT).splitlines()
    assert lines[1].endswith("; 4 BROKEN")
    assert sum(line.startswith("  ") for line in lines[2:7]) == 4
    assert [line for line in BROKEN_LINES if line not in lines] == []


def test_printed_text_has_no_colour_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_picture(picture_of(broken_status()), Format.TEXT)
    assert capsys.readouterr().out == draw(picture_of(broken_status()), Format.TEXT)


def test_mermaid() -> None:
    text = draw(picture_of(broken_status()), Format.MERMAID)
    for line in (
        '  front_end["front-end  OpenNebula 7.0.1"]',
        '  host0 x-. "BROKEN: BGP Active" .-x host1',
        '  host0 <-- "BGP" --> host2',
        "  front_end --> host3",
        "    host1 --- host1group0",
        "  linkStyle 10,13,14 stroke:#b3141d,stroke-width:2px",
    ):
        assert line in text.splitlines()
    assert re.search(r'host1\["host-1<br/>.*BROKEN: its instance is stopped.*"\]:::broken', text)
    assert "#60;script#62;" in text


def test_svg_is_described_and_marks_what_is_broken_in_words() -> None:
    root = ElementTree.fromstring(draw(picture_of(broken_status()), Format.SVG))  # noqa: S314 - ours
    assert root.get("role") == "img"
    described = {one.get("id"): one.text or "" for one in (*root.iter(f"{SVG}title"), *root.iter(f"{SVG}desc"))}
    title, desc = (described[name] for name in (root.get("aria-labelledby") or "").split())
    assert title == "Edge cluster edge-oslo"
    assert "VM 77 batch: its state is boot failure" in desc
    red = [shown(text) for text in root.iter(f"{SVG}text") if text.get("class") == "bad"]
    assert "✗ BROKEN" in red
    assert any(text.startswith("BROKEN: its instance") for text in red)
    assert HOSTILE.partition(" ")[0] in "".join(shown(text) for text in root.iter(f"{SVG}text")).replace("  ", "")


@pytest.mark.parametrize(
    ("state", "network", "cards"),
    [
        ("Established", "ready", ["✓ works"] * 3),
        ("Active", "ready", ["✗ BROKEN", "✗ BROKEN", "✓ works"]),
        ("Active", "differs", ["! degraded", "✗ BROKEN", "✓ works"]),
    ],
)
def test_a_host_without_one_of_its_sessions_is_not_shown_as_working(state: str, network: str, cards: list[str]) -> None:
    status = cluster_status()
    hosts = [replace(one, network=network) if one.key == "host-1" else one for one in status.hosts]
    sessions = [replace(one, state=state) if one.hosts == ("host-0", "host-1") else one for one in status.sessions]
    picture = picture_of(replace(status, hosts=tuple(hosts), sessions=tuple(sessions)))
    root = ElementTree.fromstring(draw(picture, Format.SVG))  # noqa: S314 - ours
    assert [shown(text) for text in root.iter(f"{SVG}text") if text.get("text-anchor") == "end"] == cards


def test_free_elastic_ips_of_a_host_that_cannot_be_reached_are_shown_as_broken() -> None:
    status = cluster_status(hosts=2, groups=2)
    hosts = (status.hosts[0], replace(status.hosts[1], network="no SSH connection"))
    lines = draw(picture_of(replace(status, hosts=hosts)), Format.TEXT).splitlines()
    assert lines[1].endswith("; 1 BROKEN")
    assert "   └─ BROKEN: 4 free, eip-1 to eip-7" in lines


@pytest.mark.parametrize(("hosts", "paths"), [(1, 1), (3, 6), (4, 9), (5, 0)])
def test_svg_draws_sessions_if_all_hosts_are_in_one_row(hosts: int, paths: int) -> None:
    root = ElementTree.fromstring(draw(picture_of(cluster_status(hosts=hosts)), Format.SVG))  # noqa: S314
    assert len(list(root.iter(f"{SVG}path"))) == paths


@pytest.mark.parametrize("form", Format)
def test_a_large_cluster_stays_readable(form: Format) -> None:
    """20 hosts, 100 Elastic IPs: every host is there; free Elastic IPs are counted."""
    text = draw(picture_of(LARGE), form)
    assert all(f"host-{number}" in text for number in range(20))
    assert len(text) < 50_000  # Mermaid's limit
    assert (
        max(len(card.lines) + sum(len(group.lines) for group in card.groups) for card in cards(picture_of(LARGE))) < 30
    )


TEXT = st.one_of(
    st.text(), st.sampled_from([HOSTILE, "]]>", "-->", "end", '"]:::x', "\n  x --> y", "%%{init}%%", "`x`"])
)


@st.composite
def hostile(draw: st.DrawFn) -> ClusterStatus:
    """The broken cluster with any text as its names and states."""
    status = broken_status()
    return replace(
        status,
        name=draw(TEXT),
        front_end=draw(TEXT),
        hosts=tuple(replace(one, network=draw(TEXT)) for one in status.hosts),
        vms=tuple(replace(one, name=draw(TEXT), state=draw(TEXT)) for one in status.vms),
        eips=tuple(replace(one, vm=draw(TEXT)) for one in status.eips),
        sessions=tuple(replace(one, state=draw(TEXT)) for one in status.sessions),
    )


@given(hostile())
def test_no_text_breaks_out_of_a_picture(status: ClusterStatus) -> None:
    picture = picture_of(status)
    for line in draw(picture, Format.MERMAID).splitlines():
        assert MERMAID_LINE.fullmatch(line), line
    root = ElementTree.fromstring(draw(picture, Format.SVG))  # noqa: S314
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "text", "path"}
    assert all(line.isprintable() for line in draw(picture, Format.TEXT).split("\n"))


def shown(text: ElementTree.Element) -> str:
    """What a text element shows: not its title."""
    return (text.text or "") + "".join(below.tail or "" for below in text)
