"""Facts against desired: which operations one host needs; none if it is as the spec says. Pure.

The devices are `br-edge` and its two ports of ours: the gateway's veth pair, the VXLAN to other hosts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from edgewrap.change import Change
from edgewrap.hosts.blocks import host_blocks
from edgewrap.hosts.desired import BRIDGE, GATEWAY, PORT, VXLAN, VXLAN_PORT, DesiredHost, bridge_mtu
from edgewrap.hosts.diff.routing import routing_operations
from edgewrap.hosts.disks import disk_operations
from edgewrap.hosts.facts import HostFacts, Link, NftTable, Unit, lines_of
from edgewrap.hosts.first_boot import SetupState
from edgewrap.hosts.operation import (
    AUTHORIZED_KEYS,
    BGP,
    ROLLBACK,
    Operation,
    compared,
    differing,
    operation,
    text_diff,
    yes_or_no,
)
from edgewrap.hosts.render import files
from edgewrap.hosts.render.files import HostFile

_TABLE_FILES = {"edge": (files.EDGE_TABLE_FILE,), "guard": files.GUARD_FILES, "firewall": (files.FIREWALL_FILE,)}


def diff(host: DesiredHost, facts: HostFacts) -> tuple[Operation, ...]:
    """What the host needs, in the order in which a person would look at it; empty if it is as the spec says."""
    needed = {file.path: file for file in files.host_files(host)}
    return (
        *_rollback(host, facts),
        *_setup(host, facts),
        *_files(host, facts, needed),
        *_units(host, facts),
        *_sysctls(host, facts),
        *_tables(host, facts, needed),
        *_accepted(host, facts),
        *_devices(host, facts),
        *routing_operations(host, facts),
        *_bgp(host, facts, needed[files.FRR_CONF]),
        *_blocks(host, facts),
        *_authorized_keys(host, facts),
        *disk_operations(host, facts.disks),
    )


def _rollback(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """A run ended before it confirmed its change. Apply confirms it before anything else."""
    if facts.rollback.pending:
        before, after = {"last change": "not confirmed"}, {"last change": "confirmed"}
        why = "without a confirmation the host rolls it back"
        yield operation(host, ROLLBACK, "last change", before=before, after=after, why=why)


def _setup(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """The host installs its packages by itself, and apply waits for that; without user data there is nothing to do."""
    setup, after = facts.setup, {"state": str(SetupState.DONE)}
    if setup.state in (SetupState.RUNNING, SetupState.FAILED):
        before = {"state": str(setup.state), **({"reason": setup.reason} if setup.reason else {})}
        yield operation(host, "setup", "packages", before=before, after=after, why="not done yet")
    elif host.sets_itself_up and not facts.links:
        yield operation(host, "setup", "packages", after=after, why="its first boot")


def _files(host: DesiredHost, facts: HostFacts, needed: Mapping[str, HostFile]) -> Iterator[Operation]:
    for path, file in needed.items():
        now = facts.files.get(path)
        wanted = {"mode": file.row.mode, "owner": file.row.owner, "sha256": file.sha256}
        for found in compared(host, "file", path, None if now is None else now.attributes, wanted):
            change = found.change
            if now is not None and "sha256" in change.after:
                change = replace(change, diff=text_diff(now.text, file.shown_text))
            yield replace(found, change=_without_checksum(change, file) if file.secret else change, write=file)
    for path in facts.files:
        if path not in needed:
            yield replace(operation(host, "file", path, before={"path": path}), delete=path)


def _without_checksum(change: Change, file: files.HostFile) -> Change:
    """With the checksum of a secret file, a short password can be guessed: that of the text that is shown instead."""
    before, after = (
        {name: text if name == "sha256" else value for name, value in side.items()}
        for side, text in ((change.before, "(hidden)"), (change.after, f"{file.shown_sha256} (without passwords)"))
    )
    return replace(change, before=before, after=after)


def _units(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    for name in files.UNIT_NAMES:
        unit = facts.units.get(name, Unit())
        if not unit.enabled:
            yield operation(host, "unit", name, after={"enabled": "yes"})
        elif unit.active is False:
            yield operation(host, "unit", name, before={"active": "no"}, after={"active": "yes"})


def _sysctls(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    for name, value in files.GLOBAL_SYSCTLS.items():
        now = {"value": facts.sysctls[name]} if name in facts.sysctls else None
        yield from compared(host, "sysctl", name, now, {"value": value})


def _tables(host: DesiredHost, facts: HostFacts, needed: Mapping[str, HostFile]) -> Iterator[Operation]:
    """Each live nft table, line by line, against what the same host's nft lists for its file."""
    for name, paths in _TABLE_FILES.items():
        table = facts.tables.get(name, NftTable())
        wanted = [needed[path] for path in paths if path in needed]
        stale = next((file for file in wanted if not _is_there(file, facts)), None)
        if not wanted:
            if table.live:
                yield operation(host, "nftables", name, before={"rules": "\n".join(lines_of(table.live))})
        elif not table.live:
            yield operation(host, "nftables", name, after={"sha256": wanted[0].sha256})
        elif stale is not None:
            before = {"sha256": facts.files[stale.path].sha256 if stale.path in facts.files else ""}
            why = f"{stale.path} changes"
            yield operation(host, "nftables", name, before=before, after={"sha256": stale.sha256}, why=why)
        elif table.live != table.saved and any(lines := differing(lines_of(table.live), lines_of(table.saved))):
            live, saved = map(Counter, lines)
            before, after = ({"rules": "\n".join(lines.elements())} for lines in (live - saved, saved - live))
            yield operation(host, "nftables", name, before=before, after=after)


def _accepted(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """Only where the policy is DROP: network.sh adds the rules anywhere."""
    chains = dict.fromkeys(rule.split()[0] for rule in facts.health.unaccepted)
    for chain in chains:
        rules = "\n".join(rule for rule in facts.health.unaccepted if rule.split()[0] == chain)
        yield operation(host, "iptables", chain, after={"accept": rules}, why="the chain's policy is DROP")


def _is_there(file: HostFile, facts: HostFacts) -> bool:
    fact = facts.files.get(file.path)
    return fact is not None and fact.sha256 == file.sha256


def _devices(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    mtu = str(bridge_mtu(facts.mtu_over(host.primary)))
    common = {"mtu": mtu, "up": "yes", "addresses": "", "disable_ipv6": "1"}
    bridge = {"kind": "bridge", "mac": host.bridge_mac, **common, "mcast_snooping": "no"}
    gateway = {
        "kind": "veth",
        "mac": host.gateway_mac,
        **common,
        "send_redirects": "0",
        "rp_filter": "2",
        "arp_ignore": "1",
        "proxy_delay": "0",
        "peer": PORT,
        "bridge": BRIDGE,
        **{f"peer {name}": value for name, value in common.items()},
        "forwarding entry": f"{host.gateway_mac} static",
    }
    vxlan = {
        "kind": "vxlan",
        **common,
        "bridge": BRIDGE,
        "vxlan id": str(host.vni),
        "vxlan local": host.primary,
        "vxlan port": str(VXLAN_PORT),
        "vxlan learning": "no",
        "bridge learning": "no",
        "bridge neigh_suppress": "no",
    }
    for name, wanted in {BRIDGE: bridge, GATEWAY: gateway, VXLAN: vxlan}.items():
        link = facts.link(name)
        now = None if link is None else _attributes(link, facts)
        if now is not None and name == GATEWAY:
            port = _attributes(facts.link(PORT) or Link(PORT, mac="", mtu=0, up=False), facts)
            now |= {**{f"peer {name}": value for name, value in port.items()}, "bridge": port["bridge"]}
            entries = sorted(mac for mac, device in facts.static_fdb if device == PORT)
            now["forwarding entry"] = " ".join(f"{mac} static" for mac in entries)
        yield from compared(host, "bridge", name, now, wanted)


def _attributes(link: Link, facts: HostFacts) -> dict[str, str]:
    return {
        **facts.interface_sysctls(link.name),
        **dict(link.settings),
        "kind": link.kind,
        "mac": link.mac,
        "mtu": str(link.mtu or ""),
        "up": yes_or_no(link.up),
        "addresses": " ".join(link.addresses),
        "mcast_snooping": yes_or_no(link.mcast_snooping),
        "bridge": link.master,
        "peer": link.lower,
    }


def _bgp(host: DesiredHost, facts: HostFacts, file: HostFile) -> Iterator[Operation]:
    """The running configuration against its file. Writing a file also loads it, so that is not shown twice."""
    if not facts.bgp.running:
        yield operation(host, BGP, str(host.bgp.asn), after={"running": "yes"})
        return
    if _is_there(file, facts) and (facts.bgp.surplus or facts.bgp.missing):
        before = {"configuration": "\n".join(facts.bgp.surplus)}
        after = {"configuration": "\n".join(facts.bgp.missing)}
        yield operation(host, BGP, str(host.bgp.asn), before=before, after=after)


def _blocks(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """Our blocks in files of others. A file that a package brings will be there once the host has set itself up."""
    setting_up = facts.setup.state in (SetupState.RUNNING, SetupState.FAILED)
    for block in host_blocks(host, facts.blocks):
        now = facts.blocks.get(block.path)
        if now is None and block.optional and facts.links and not setting_up:
            continue
        now = now or ()
        if now != block.lines:
            gone, new = (
                {"lines": "\n".join(line for line in lines if line not in others)} if lines else None
                for lines, others in ((now, {*block.lines}), (block.lines, {*now}))
            )
            yield replace(operation(host, block.kind, block.path, before=gone, after=new), block=block)


def _authorized_keys(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    both = facts.authorized_keys, host.authorized_keys or None
    before, after = (None if keys is None else {"keys": "\n".join(keys)} for keys in both)
    if before != after:
        yield operation(host, AUTHORIZED_KEYS, host.user, before=before, after=after)
