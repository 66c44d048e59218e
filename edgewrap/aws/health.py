"""What AWS knows and Terraform does not repair: failing status checks, lost public and private addresses. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict
from edgewrap.outputs import HostOutput, Outputs


def health_findings(
    outputs: Outputs,
    host_address: str,
    failing: Mapping[str, tuple[str, ...]],
    unassigned: Set[str] = frozenset(),
) -> tuple[Finding, ...]:
    """What is wrong; `failing` are the status checks that fail, by instance id; `unassigned` are the private addresses
    of Elastic IPs that their interface does not have."""
    return (
        *(
            _failing_checks(host, checks)
            for host in outputs.hosts.values()
            if (checks := failing.get(host.instance_id))
        ),
        *lost_addresses(outputs, host_address),
        *_unassigned(outputs, unassigned),
    )


def lost_addresses(outputs: Outputs, host_address: str) -> Iterator[Finding]:
    """The hosts that run without the public address that they are reached by."""
    for host in outputs.hosts.values() if host_address != "private" else ():
        if host.lost_address:
            yield _lost_address(host, outputs)


def _failing_checks(host: HostOutput, checks: tuple[str, ...]) -> Finding:
    text = f"EC2's {' and '.join(checks)} status check of its instance {host.instance_id} fails"
    advice = (
        f"if this lasts, move its VMs and stop and start the instance in EC2, which puts it on other hardware "
        f"(`edgewrap apply --move-off {host.key}` first), or run `edgewrap replace {host.key}`"
    )
    return Finding(PlaneName.AWS, host.key, Verdict.WARNING, text, advice)


def _unassigned(outputs: Outputs, addresses: Set[str]) -> Iterator[Finding]:
    """Terraform ignores the addresses of an interface: it would unassign all of them to add one."""
    affected = [
        eip for eip in outputs.eips.values() if eip.private_address in addresses and eip.group in outputs.groups
    ]
    for key in dict.fromkeys(eip.group for eip in affected):
        lost, interface = [eip for eip in affected if eip.group == key], outputs.groups[key].interface_id
        listed, eips = " ".join(eip.private_address for eip in lost), " ".join(eip.key for eip in lost)
        text = f"its interface {interface} no longer has {listed}: {eips} cannot be associated"
        command = (
            f"aws ec2 assign-private-ip-addresses --region {outputs.region} --network-interface-id {interface} "
            f"--private-ip-addresses {listed}"
        )
        yield Finding(PlaneName.AWS, key, Verdict.WARNING, text, f"run `{command}`, then `edgewrap apply`")


def _lost_address(host: HostOutput, outputs: Outputs) -> Finding:
    text = (
        f"its instance {host.instance_id} has no public address: it lost it when it was stopped, and AWS gives no new "
        "one at a start while the instance has a second network interface; OpenNebula keeps the host's name"
    )
    has_groups = any(group.host == host.key for group in outputs.groups.values())
    others = any(other.state == "running" for other in outputs.hosts.values() if other.key != host.key)
    again = "stop and start the instance in EC2, then run `edgewrap apply`"
    if has_groups:
        again = f"run `edgewrap apply --move-off {host.key}`, {again}" if others else ""
    keep = "set `hosts.address: eip` and run `edgewrap apply`, which gives every host an address that it keeps"
    return Finding(PlaneName.AWS, host.key, Verdict.WARNING, text, f"{again}; or {keep}" if again else keep)
