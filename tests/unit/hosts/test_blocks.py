"""Our blocks in files of others: which lines, when a plan shows them, and what the script writes."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewrap.change import Action
from edgewrap.hosts import blocks
from edgewrap.hosts.blocks import NAMES, QEMU, block_step, host_blocks, own_lines
from edgewrap.hosts.desired import DesiredHost, desired_hosts
from edgewrap.hosts.diff.host import diff
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.first_boot import Setup, SetupState
from edgewrap.outputs import UNKNOWN, Outputs
from edgewrap.spec.models import Spec
from tests.unit.hosts.recorded import outputs, recorded, spec

OWN = ("10.0.0.10 ec2-0.example", "10.0.0.11 ec2-1.example")


def named(*names: str) -> Outputs:
    """Both hosts with these names."""
    hosts = {key: replace(one, name=name) for (key, one), name in zip(outputs().hosts.items(), names, strict=True)}
    return replace(outputs(), hosts=hosts)


def host(before: Outputs | None = None, to: Outputs | None = None, **sections: Any) -> DesiredHost:
    document = {**spec().model_dump(by_alias=True, mode="json", exclude={"ssh"}), **sections}
    return desired_hosts(Spec.model_validate(document), to or named("ec2-0.example", "ec2-1.example"), before)("host-0")


def test_a_host_knows_all_hosts_and_the_front_end_by_name() -> None:
    front_end = {"front_end": {"name": "one", "address": "192.0.2.9"}}
    names, migrations = host_blocks(host(opennebula=front_end))
    assert names.lines == (*OWN, "192.0.2.9 one")
    assert migrations.lines == ('migration_host = "10.0.0.10"',)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"to": outputs()}, id="hosts named by their addresses"),
        pytest.param({"to": outputs(), "opennebula": {"front_end": {"name": "one"}}}, id="a name that resolves"),
        pytest.param({"to": named(UNKNOWN, UNKNOWN), "before": outputs()}, id="not known ahead of AWS"),
    ],
)
def test_names_that_need_no_line(given: dict[str, Any]) -> None:
    assert host_blocks(host(**given))[0].lines == ()


def test_names_are_kept_while_aws_changes_them() -> None:
    before, after = named("ec2-0.example", "ec2-1.example"), named("ec2-0.example", UNKNOWN)
    assert host_blocks(host(to=after, before=before))[0].lines == OWN
    assert host_blocks(host(to=after))[0].lines == (OWN[0], f"10.0.0.11 {UNKNOWN}")


@pytest.mark.parametrize("before", [None, named("ec2-0.example", "10.0.0.11")])
def test_a_host_without_its_public_address_keeps_its_name(before: Outputs | None) -> None:
    """OpenNebula keeps it, too; AWS's name servers would lead to whoever has the address by now."""
    without = host(to=named("ec2-0.new", "10.0.0.11"), before=before)
    own, renamed = {"10.0.0.10 ec2-0.new"}, {"10.0.0.10 ec2-0.new", OWN[1]}
    ahead = {OWN[0]} if before else set[str]()
    assert set(host_blocks(without, {NAMES: OWN})[0].lines) == renamed | ahead
    assert set(host_blocks(without)[0].lines) == own | ahead
    facts = replace(recorded("entry"), blocks={NAMES: OWN})
    assert [one for one in diff(host(to=named("ec2-0.example", "10.0.0.11")), facts) if one.block] == []


def test_hosts_that_are_named_by_their_addresses_keep_no_name() -> None:
    private = host(to=outputs(), hosts={"address": "private"})
    assert host_blocks(private, {NAMES: OWN})[0].lines == ()


def test_lxc_has_no_address_for_migrations() -> None:
    kinds = {"hypervisor": "lxc", "instance_type": "m6i.metal"}
    assert host_blocks(host(hosts=kinds))[1].lines == ()


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        pytest.param({NAMES: OWN, QEMU: ('migration_host = "10.0.0.10"',)}, [], id="as wanted"),
        pytest.param({NAMES: OWN}, [], id="no libvirt"),
        pytest.param(
            {NAMES: ("10.0.0.10 old", OWN[1]), QEMU: ()},
            [
                (NAMES, Action.UPDATE, {"lines": "10.0.0.10 old"}, {"lines": OWN[0]}),
                (QEMU, Action.CREATE, {}, {"lines": 'migration_host = "10.0.0.10"'}),
            ],
            id="another name, and libvirt new",
        ),
    ],
)
def test_a_plan_shows_the_lines_that_differ(known: dict[str, tuple[str, ...]], changes: list[Any]) -> None:
    operations = [one for one in diff(host(), replace(recorded("entry"), blocks=known)) if one.block]
    assert [
        (one.change.key.partition("//")[2], one.change.action, one.change.before, one.change.after)
        for one in operations
    ] == [(path.removeprefix("/"), *rest) for path, *rest in changes]


def test_a_block_without_lines_is_removed() -> None:
    facts = replace(recorded("entry"), blocks={NAMES: OWN})
    [operation] = [one for one in diff(host(to=outputs(), hosts={"address": "private"}), facts) if one.block]
    assert operation.change.action is Action.DELETE


@pytest.mark.parametrize("state", [SetupState.RUNNING, SetupState.FAILED])
def test_a_plan_counts_on_libvirt_that_the_setup_will_install(state: SetupState) -> None:
    for facts in (HostFacts(), replace(recorded("entry"), blocks={NAMES: OWN}, setup=Setup(state))):
        assert QEMU in [one.block.path for one in diff(host(), facts) if one.block]


def test_the_script_changes_our_lines_only(tmp_path: Path) -> None:
    file, others = tmp_path / "hosts", "127.0.0.1 localhost\n# comment\n10.0.0.99 by-hand\n"
    file.write_text(others)
    for lines, text in ((OWN, "\n".join((blocks.BEGIN, *OWN, blocks.END, ""))), (OWN[:1], ""), ((), "")):
        block = blocks.Block("names", str(file), lines, then=f"echo restarted >>{tmp_path}/log")
        script = "\n".join(("set -eu", "step() { :; }", *block_step(block)))
        subprocess.run(["sh"], input=script, text=True, check=True)
        now = file.read_text()
        assert now.startswith(others + text)
        assert (own_lines(now) or ()) == lines
    assert file.read_text() == others
    assert (tmp_path / "log").read_text() == "restarted\n" * 3
