"""The applied cluster as its user sees it."""

from __future__ import annotations

import json
import signal
import time
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import NOTHING_TO_DO, Edge
from tests.support.lab import EDGEWRAP


def test_the_first_apply_shows_all_three_planes(edge: Edge) -> None:
    for words in ("+ vpc vpc", "+ cluster edge-test", "+ elastic ip eip-4", "edge-test is what the spec says."):
        assert words in edge.first_apply


def test_a_second_apply_has_nothing_to_do(edge: Edge) -> None:
    assert edge.apply() == (0, NOTHING_TO_DO)


def test_preflight_of_an_applied_cluster_has_no_failures(edge: Edge) -> None:
    """Of what is there already nothing more is asked for: all five Elastic IPs of the quota are in use."""
    _, text = edge.edgewrap("preflight", "--json")
    found = json.loads(text)
    assert {one["verdict"] for one in found["findings"]} == {"ok"}
    by_check = {one["check"]: one["text"] for one in found["findings"]}
    assert by_check["Elastic IPs"] == "5 of 5 in use, 0 to add"
    assert {"credentials", "VPCs", "vCPUs", "front-end", "SSH key", "terraform"} <= by_check.keys()


def test_status_shows_hosts_and_elastic_ips(edge: Edge) -> None:
    _, text = edge.edgewrap("status", "--json")
    status = json.loads(text)
    assert [host["key"] for host in status["hosts"]] == ["host-0", "host-1", "host-2"]
    assert {(h["instance"], h["opennebula"], h["network"]) for h in status["hosts"]} == {
        ("running", "monitored", "ready")
    }
    assert [eip["key"] for eip in status["eips"]] == [f"eip-{number}" for number in range(5)]
    assert {eip["entry_host"] for eip in status["eips"]} == {"host-0", "host-1", "host-2"}
    assert all(eip["public_address"].startswith("203.0.113.") for eip in status["eips"])
    assert [group["key"] for group in status["groups"]] == [f"group-{number}" for number in range(4)]
    assert {tuple(one["hosts"]) for one in status["sessions"]} == {
        ("host-0", "host-1"),
        ("host-0", "host-2"),
        ("host-1", "host-2"),
    }
    assert {one["state"] for one in status["sessions"]} == {"Established"}
    assert status["front_end"] not in ("", "unknown")


def test_graph_draws_the_cluster_to_a_file(edge: Edge) -> None:
    assert "├─ BGP with host-0, host-2\n" in edge.edgewrap("graph")[1]
    file = edge.spec.with_name("edge.svg")
    assert edge.edgewrap("graph", "--output", str(file)) == (0, f"edge-test: the picture is in {file}\n")
    desc = ElementTree.fromstring(file.read_text()).findtext("{http://www.w3.org/2000/svg}desc") or ""  # noqa: S314
    assert "3 hosts, 4 interface groups, 5 Elastic IPs, 0 VMs; nothing is broken" in desc


def test_a_report_of_a_broken_cluster_has_all_that_could_be_read(edge: Edge) -> None:
    file = edge.spec.with_name("report.html")
    host = delete_route(edge)
    silent = next(key for key in ("host-2", "host-1") if key != host)
    edge.lab.run("systemctl", "stop", "ssh", place=silent)
    try:
        status, text = edge.edgewrap("report", "--output", str(file), check=False)
    finally:
        edge.lab.run("systemctl", "start", "ssh", place=silent)
        edge.apply("--only", "hosts")
    page = file.read_text()
    assert status == 1
    assert f"failed: edge-test: {silent}: no SSH connection" in text
    for words in ("<h1>edge-test: could not be read in whole</h1>", "route group-0", f"not read: {silent}"):
        assert words in page


def test_watch_shows_what_changes_until_it_is_interrupted(edge: Edge) -> None:
    watch = edge.lab.start(EDGEWRAP, "status", "--file", str(edge.spec), "--watch", "--interval", "1", "--json")
    assert watch.stdout is not None
    try:
        first = json.loads(watch.stdout.readline())
        host = delete_route(edge)
        second = json.loads(watch.stdout.readline())
    finally:
        edge.apply("--only", "hosts")
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=60)
    before, after = ({one["key"]: one["network"] for one in status["hosts"]} for status in (first, second))
    assert (before[host], after[host]) == ("ready", "differs")
    assert watch.returncode == 0


def delete_route(edge: Edge) -> str:
    """Delete the route of an Elastic IP on its entry host; gives the host."""
    host = edge.entry("eip-0")
    edge.lab.run("ip", "route", "del", f"{edge.private('eip-0')}/32", "table", "10000", place=host)
    return host


@pytest.mark.parametrize("command", [("plan", "--detailed-exitcode"), ("apply", "--auto-approve")], ids=" ".join)
def test_the_json_of_a_run_ends_with_its_result(edge: Edge, command: tuple[str, ...]) -> None:
    _, text = edge.edgewrap(*command, "--skip", "aws", "--json")
    result = json.loads(text.splitlines()[-1])
    assert (result["type"], result["cluster"], result["exit_code"]) == ("result", "edge-test", 0)
    assert {plane: one["changes"] for plane, one in result["planes"].items()} == {"opennebula": {}, "hosts": {}}


def test_output_prints_one_value_or_lists_the_valid_names(edge: Edge) -> None:
    address = edge.output("eips.eip-0.public_address")
    assert address == edge.output()["eips"]["eip-0"]["public_address"]
    status, text = edge.edgewrap("output", "eips.eip-00", check=False)
    assert status == 64
    assert "did you mean eip-0?" in text


def test_ssh_runs_a_command_with_the_pinned_key(edge: Edge) -> None:
    assert edge.edgewrap("ssh", "host-1", "--", "hostname") == (0, "ip-10-0-0-11\n")
    assert edge.edgewrap("ssh", "host-1", "--", "exit 7", check=False)[0] == 7
    assert edge.edgewrap("ssh", "host-9", check=False)[0] == 64


def test_logs_lists_and_shows_every_run(edge: Edge) -> None:
    edge.edgewrap("logs", "--json")
    _, listed = edge.edgewrap("logs", "--list")
    first = listed.splitlines()[-1]
    _, shown = edge.edgewrap("logs", "--run", str(len(listed.splitlines())))
    assert first.endswith("-apply.log")
    assert "step_done hosts host-0" in shown


def test_apply_without_a_terminal_needs_auto_approve(edge: Edge) -> None:
    status, text = edge.edgewrap("apply", check=False)
    assert status == 64
    assert "--auto-approve" in text


def test_one_run_at_a_time(edge: Edge) -> None:
    lock = edge.lab.directory / "runs" / "edge-test" / "lock"
    first = edge.lab.start(EDGEWRAP, "plan", "--file", str(edge.spec))
    try:
        deadline = time.monotonic() + 30
        while not lock.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        status, text = edge.edgewrap("plan", check=False)
        waited, _ = edge.edgewrap("plan", "--only", "opennebula", "--lock-timeout", "120", check=False)
    finally:
        first.communicate(timeout=120)
    assert (status, waited) == (1, 0)
    assert "`edgewrap plan`" in text
    assert "since 20" in text


@pytest.mark.parametrize("planes", [("aws", "opennebula"), ("hosts",)])
def test_only_selects_planes(edge: Edge, planes: tuple[str, ...]) -> None:
    options = [word for plane in planes for word in ("--only", plane)]
    assert edge.apply(*options) == (0, "".join(f"{plane}: nothing to do\n" for plane in planes) + "Nothing to do.\n")
