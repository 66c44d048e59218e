"""Facts against desired: which operations one host needs; none if it is as the spec says. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from edgewrap.hosts.desired import DesiredHost
from edgewrap.hosts.diff.devices import device_operations
from edgewrap.hosts.diff.routing import missing_interfaces, routing_operations
from edgewrap.hosts.facts import BgpFacts, FileFact, HostFacts, NftTable, Unit
from edgewrap.hosts.first_boot import SetupState
from edgewrap.hosts.operation import AUTHORIZED_KEYS, BGP, ROLLBACK, Operation, differing, host_change
from edgewrap.hosts.render.files import (
    EDGE_TABLE_FILE,
    FIREWALL_FILE,
    FRR_CONF,
    GLOBAL_SYSCTLS,
    GUARD_FILES,
    UNIT_NAMES,
    HostFile,
    host_files,
)

__all__ = ["EMPTY_FACTS", "diff", "missing_interfaces"]

_TABLE_FILES = {"edge": (EDGE_TABLE_FILE,), "guard": GUARD_FILES, "firewall": (FIREWALL_FILE,)}

EMPTY_FACTS = HostFacts(
    links=(),
    routes=(),
    rules=(),
    proxies=frozenset(),
    static_fdb=frozenset(),
    sysctls={},
    files={},
    units={},
    tables={},
    bgp=BgpFacts(),
    authorized_keys=None,
    missing_tools=(),
)
"""The facts of a host that does not exist yet: everything will be created."""


def diff(host: DesiredHost, facts: HostFacts) -> tuple[Operation, ...]:
    """What the host needs, in the order in which a person would look at it; empty if it is as the spec says."""
    return (
        *_rollback(host, facts),
        *_setup(host, facts),
        *_files(host, facts),
        *_units(host, facts),
        *_sysctls(host, facts),
        *_tables(host, facts),
        *device_operations(host, facts),
        *routing_operations(host, facts),
        *_bgp(host, facts),
        *_authorized_keys(host, facts),
    )


def _rollback(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """A run ended before it confirmed its change. Apply confirms it before anything else."""
    if facts.rollback.pending:
        before, after = {"last change": "not confirmed"}, {"last change": "confirmed"}
        why = "without a confirmation the host rolls it back"
        yield Operation(host_change(host.key, ROLLBACK, "last change", before=before, after=after, why=why))


def _setup(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """The host installs its packages by itself, and apply waits for that; without user data there is nothing to do."""
    setup, after = facts.setup, {"state": str(SetupState.DONE)}
    if setup.state in (SetupState.RUNNING, SetupState.FAILED):
        before = {"state": str(setup.state), **({"reason": setup.reason} if setup.reason else {})}
        yield Operation(host_change(host.key, "setup", "packages", before=before, after=after, why="not done yet"))
    elif host.sets_itself_up and not facts.links:
        yield Operation(host_change(host.key, "setup", "packages", after=after, why="its first boot"))


def _files(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    wanted = {file.path: file for file in host_files(host)}
    for path, file in wanted.items():
        fact = facts.files.get(path)
        if fact is None:
            after = {"mode": file.row.mode, "owner": file.row.owner, "sha256": _shown(file, file.sha256)}
            yield Operation(host_change(host.key, "file", path, after=after), write=file)
            continue
        before, after = differing(
            {"mode": fact.mode, "owner": fact.owner, "sha256": fact.sha256},
            {"mode": file.row.mode, "owner": file.row.owner, "sha256": file.sha256},
        )
        if after:
            before, after = (
                {name: _shown(file, value) if name == "sha256" else value for name, value in side.items()}
                for side in (before, after)
            )
            yield Operation(host_change(host.key, "file", path, before=before, after=after), write=file)
    for path in facts.files:
        if path not in wanted:
            yield Operation(host_change(host.key, "file", path, before={"path": path}), delete=path)


def _shown(file: HostFile, checksum: str) -> str:
    """With the checksum a short password can be guessed."""
    return "(hidden)" if file.secret else checksum


def _units(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    for name in UNIT_NAMES:
        unit = facts.units.get(name, Unit())
        if not unit.enabled:
            yield Operation(host_change(host.key, "unit", name, after={"enabled": "yes"}))
        elif unit.active is False:
            yield Operation(host_change(host.key, "unit", name, before={"active": "no"}, after={"active": "yes"}))


def _sysctls(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    for name, value in GLOBAL_SYSCTLS.items():
        now = facts.sysctls.get(name)
        if now != value:
            before = None if now is None else {"value": now}
            yield Operation(host_change(host.key, "sysctl", name, before=before, after={"value": value}))


def _tables(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """Each live nft table, line by line, against what the same host's nft lists for its file."""
    files = {file.path: file for file in host_files(host)}
    for name, paths in _TABLE_FILES.items():
        table = facts.tables.get(name, NftTable())
        wanted = [files[path] for path in paths if path in files]
        if not wanted:
            if table.live:
                yield Operation(host_change(host.key, "nftables", name, before={"rules": "\n".join(table.live)}))
            continue
        after = {"sha256": wanted[0].sha256}
        if not table.live:
            yield Operation(host_change(host.key, "nftables", name, after=after))
        elif stale := [file for file in wanted if not _is_there(file, facts)]:
            before = {"sha256": facts.files.get(stale[0].path, FileFact("", "", "")).sha256}
            after = {"sha256": stale[0].sha256}
            yield Operation(host_change(host.key, "nftables", name, before=before, after=after))
        elif table.live != table.saved:
            live, saved = Counter(table.live), Counter(table.saved)
            before = {"rules": "\n".join((live - saved).elements())}
            after = {"rules": "\n".join((saved - live).elements())}
            yield Operation(host_change(host.key, "nftables", name, before=before, after=after))


def _is_there(file: HostFile, facts: HostFacts) -> bool:
    fact = facts.files.get(file.path)
    return fact is not None and fact.sha256 == file.sha256


def _bgp(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    """The running configuration against its file. Writing a file also loads it, so that is not shown twice."""
    if not facts.bgp.running:
        yield Operation(host_change(host.key, BGP, str(host.bgp.asn), after={"running": "yes"}))
        return
    file = next(file for file in host_files(host) if file.path == FRR_CONF)
    if _is_there(file, facts) and (facts.bgp.surplus or facts.bgp.missing):
        before = {"configuration": "\n".join(facts.bgp.surplus)}
        after = {"configuration": "\n".join(facts.bgp.missing)}
        yield Operation(host_change(host.key, BGP, str(host.bgp.asn), before=before, after=after))


def _authorized_keys(host: DesiredHost, facts: HostFacts) -> Iterator[Operation]:
    now, wanted = facts.authorized_keys, host.authorized_keys or None
    if now != wanted:
        before = {"keys": "\n".join(now)} if now is not None else None
        after = {"keys": "\n".join(wanted)} if wanted is not None else None
        yield Operation(host_change(host.key, AUTHORIZED_KEYS, host.user, before=before, after=after))
