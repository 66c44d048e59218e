"""What is wrong with hosts that are configured correctly, from what was observed on them."""

from __future__ import annotations

from cProfile import Profile
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.finding import Finding
from edgewrap.hosts.health import Filter, HealthFacts, health_findings, parse_health, path_findings, session_states
from edgewrap.outputs import HostOutput

ADDRESSES = {f"host-{index}": f"10.0.0.{10 + index}" for index in range(4)}
HOSTS = {
    key: HostOutput(key, index, f"i-{index}", address, "", address, "running")
    for index, (key, address) in enumerate(ADDRESSES.items())
}
REFLECTORS = ("host-0", "host-1")


def well(*keys: str) -> dict[str, HealthFacts]:
    """Hosts that work: host-0 and host-1 are reflectors."""
    facts = {}
    for key in keys:
        others = [other for other in keys if other != key]
        peers = others if key in REFLECTORS else [other for other in others if other in REFLECTORS]
        addresses = frozenset(ADDRESSES[other] for other in others)
        sessions = {ADDRESSES[peer]: "Established" for peer in peers}
        facts[key] = HealthFacts(sessions, probes=True, known=addresses, answered=addresses)
    return facts


def changed(facts: dict[str, HealthFacts], **hosts: dict[str, Any]) -> dict[str, HealthFacts]:
    return {**facts, **{key: replace(facts[key], **hosts[key]) for key in facts if key in hosts}}


def shown(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{finding}; {finding.advice}" for finding in findings]


ALL = ("host-0", "host-1", "host-2", "host-3")
CUT_OFF = {"answered": frozenset[str]()}
DOWN = {ADDRESSES["host-0"]: "Active", ADDRESSES["host-1"]: "Connect"}
BLOCKED = Filter("inet evil", "in", "input", "udp dport 8472 drop")

NOTHING = [
    pytest.param(well(*ALL), id="all is well"),
    pytest.param(well("host-2"), id="one host"),
    pytest.param(well(), id="no host was read"),
    pytest.param(
        changed(well(*ALL[:3]), **{"host-0": {"sessions": {ADDRESSES["host-3"]: "Active"}}}),
        id="a peer that was not read: dead, or reported as unreachable",
    ),
    pytest.param(
        {
            **changed(well(*ALL[:3]), **{"host-0": {"sessions": {ADDRESSES["host-3"]: "Active"}}}),
            "host-3": HealthFacts(),
        },
        id="a new host without BGP and overlay",
    ),
    pytest.param(
        changed(well(*ALL), **{key: {"answered": frozenset(), "probes": False} for key in ALL}),
        id="watchers of an earlier version answer nothing",
    ),
    pytest.param(
        changed(
            well(*ALL),
            **{
                "host-1": {
                    "filters": (
                        Filter("inet mine", "in", "input", "tcp dport 25 drop"),
                        Filter("inet filter", "input", "input", "policy drop"),  # it accepts what hosts need
                        Filter("ip docker", "f", "forward", 'iifname "docker0" oifname "docker1" drop'),
                    )
                }
            },
        ),
        id="filters that drop nothing of ours",
    ),
    pytest.param(changed(well(*ALL), **{"host-1": {"disks": {"/": 89}}}), id="a disk with room"),
]


@pytest.mark.parametrize("facts", NOTHING)
def test_no_false_alarm(facts: dict[str, HealthFacts]) -> None:
    assert health_findings(HOSTS, facts) == ()


CASES = [
    pytest.param(
        {"host-3": {"sessions": DOWN}},
        ["host-3: its BGP session with host-0, host-1 is not established (Active, Connect); check that the "],
        id="one host without sessions is one finding",
    ),
    pytest.param(
        {"host-0": {"sessions": dict.fromkeys(well(*ALL)["host-0"].sessions, "Idle")}},
        ["host-0: its BGP session with host-1, host-2, host-3 is not established (Idle)"],
        id="a reflector without sessions is one finding",
    ),
    pytest.param(
        {"host-0": {"sessions": {ADDRESSES["host-2"]: "Active"}}},
        ["host-2: its BGP session with host-0 is not established (on their side)"],
        id="a session that only the other end reports",
    ),
    pytest.param(
        {"host-2": CUT_OFF},
        ["host-2: the overlay does not pass between it and host-0, host-1, host-3"],
        id="no probe is answered",
    ),
    pytest.param(
        {"host-2": {**CUT_OFF, "filters": (BLOCKED,)}},
        ["the cause may be: on host-2, table inet evil, chain in: udp dport 8472 drop; remove it, or accept UDP 8472"],
        id="a filter is named",
    ),
    pytest.param(
        {"host-2": {**CUT_OFF, "unaccepted": ("INPUT -s 10.0.0.0/17 -d 10.0.0.12",)}},
        ["on host-2, iptables lacks `INPUT -s 10.0.0.0/17", "its policy of INPUT is DROP"],
        id="ufw",
    ),
    pytest.param(
        {"host-2": {"known": frozenset(), "answered": frozenset()}},
        ["host-2: the overlay does not pass between it and host-0, host-1, host-3"],
        id="all sessions are up, and EVPN announces nothing",
    ),
    pytest.param(
        {"host-1": {"unaccepted": ("FORWARD -i gw-edge", "FORWARD -o gw-edge")}},
        ["host-1: iptables drops packets of the cluster: its policy of FORWARD is DROP"],
        id="Docker",
    ),
    pytest.param(
        {"host-1": {"filters": (Filter("inet firewalld", "f", "forward", "reject with icmpx admin-prohibited"),)}},
        ["host-1: a filter that is not edgewrap's drops packets of VMs: table inet firewalld, chain f: reject"],
        id="firewalld",
    ),
    pytest.param(
        {"host-1": {"filters": (Filter("ip evil", "p", "prerouting", 'iifname "gw-edge" counter drop'),)}},
        ['table ip evil, chain p: iifname "gw-edge" counter drop'],
        id="a rule about our gateway",
    ),
    pytest.param(
        {"host-1": {"disks": {"/": 50, "/var/lib/one/datastores": 90}}},
        ["host-1: its file system /var/lib/one/datastores is 90 % full"],
        id="a disk is nearly full",
    ),
]


@pytest.mark.parametrize(("hosts", "words"), CASES)
def test_what_is_wrong_is_named(hosts: dict[str, dict[str, Any]], words: list[str]) -> None:
    found = shown(health_findings(HOSTS, changed(well(*ALL), **hosts)))
    assert len(found) == len(words)
    for text, expected in zip(found, words, strict=True):
        assert expected in text


def test_a_host_without_sessions_is_not_reported_twice() -> None:
    facts = changed(well(*ALL), **{"host-2": {"sessions": DOWN, **CUT_OFF}})
    [found] = path_findings(HOSTS, facts)
    assert "host-2: its BGP session with host-0, host-1" in str(found)


def _calls_if_nobody_answers(count: int) -> int:
    hosts = {f"host-{n}": HostOutput(f"host-{n}", n, f"i-{n}", f"10.0.0.{n}", "", "", "running") for n in range(count)}
    known = frozenset(host.private_address for host in hosts.values())
    facts = {key: HealthFacts({"10.0.1.1": "Established"}, probes=True, known=known) for key in hosts}
    profile = Profile()
    found = profile.runcall(path_findings, hosts, facts)
    assert len(found) == count - 1
    return sum(entry.callcount for entry in profile.getstats())


def test_the_work_grows_no_faster_than_the_pairs_of_hosts_if_nobody_answers() -> None:
    """There are four times as many pairs."""
    assert _calls_if_nobody_answers(80) < 5 * _calls_if_nobody_answers(40)


PRINTED = """\
bgp 10.0.0.11 Established
bgp 10.0.0.12 Idle (Admin)
probes
known 10.0.0.11 10.0.0.12
answered 10.0.0.11
filter inet evil in input udp dport 8472 drop
unaccepted FORWARD -i gw-edge
disk / 25
"""


def test_what_a_host_prints_is_parsed() -> None:
    assert parse_health(PRINTED.splitlines()) == HealthFacts(
        sessions={"10.0.0.11": "Established", "10.0.0.12": "Idle (Admin)"},
        probes=True,
        known=frozenset({"10.0.0.11", "10.0.0.12"}),
        answered=frozenset({"10.0.0.11"}),
        filters=(BLOCKED,),
        unaccepted=("FORWARD -i gw-edge",),
        disks={"/": 25},
    )


@given(st.lists(st.one_of(st.text(), st.sampled_from(PRINTED.splitlines()).map(lambda line: line[:-1] + "\x1b"))))
def test_any_other_text_is_refused_or_harmless(lines: list[str]) -> None:
    try:
        facts = parse_health(lines)
    except ValueError:
        return
    health_findings(HOSTS, {**well(*ALL), "host-0": facts})


@pytest.mark.parametrize(
    ("facts", "states"),
    [
        ({}, {}),
        (well("host-0", "host-1"), {("host-0", "host-1"): "Established"}),
        (
            changed(well("host-0", "host-1"), **{"host-1": {"sessions": {ADDRESSES["host-0"]: "Active"}}}),
            {("host-0", "host-1"): "Active"},
        ),
        ({"host-2": well(*ALL)["host-2"]}, {(one, "host-2"): "Established" for one in REFLECTORS}),
        ({"host-0": HealthFacts({"192.0.2.7": "Established"})}, {}),
    ],
    ids=["nothing read", "both sides agree", "one side says no", "only one side was read", "an unknown peer"],
)
def test_the_states_of_sessions(facts: dict[str, HealthFacts], states: dict[tuple[str, str], str]) -> None:
    assert session_states(HOSTS, facts) == states
