"""What the page shows of each cluster, as data for its template. Texts in it are safe to show; the template escapes
them for HTML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from edgewrap.change import Change, PlaneName
from edgewrap.cli.views.picture import svg
from edgewrap.cli.views.picture.cards import BROKEN
from edgewrap.cli.views.text import SYMBOLS, change_lines, plane_summary, summary
from edgewrap.counted import counted
from edgewrap.engine.picture import ESTABLISHED, NodeKind, Picture, picture_of, vm_failed
from edgewrap.engine.report import ClusterReport
from edgewrap.engine.status import ClusterStatus

Style = Literal["", "good", "warn", "bad", "id"]
WORKING = {"running", "monitored", "ready"}
CHANGING = {"pending", "init", "monitoring", "disabled", "disabled, monitored", "offline", "unknown"}
MOST_OPEN = 25  # a longer table is folded
INDENT = 6  # of the lines about a change


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table, one paragraph for each line. A bad one says so in words; an `id` is on one line."""

    lines: tuple[str, ...]
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of a row is its heading."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, the likely cause, and what to do; each may be empty but the first."""

    what: str
    cause: str
    advice: str
    style: Style
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One cluster on the page."""

    anchor: str
    name: str
    place: str
    time: str
    result: Cell
    changes: Cell
    counts: Cell
    problems: tuple[Problem, ...]
    pictures: tuple[tuple[str, Markup], ...]
    plans: tuple[Table, ...]
    tables: tuple[Table, ...]


def title(sections: Sequence[Section]) -> str:
    """The page in a few words."""
    if len(sections) == 1:
        return f"{sections[0].name}: {sections[0].result.lines[0]}"
    bad = sum(section.result.style == "bad" for section in sections)
    needing = f"{bad} need{'s' if bad == 1 else ''}" if bad else "none needs"
    return f"{counted(len(sections), 'edge cluster')}: {needing} attention"


def section(number: int, report: ClusterReport) -> Section:
    """One cluster; `number` makes its ids unique."""
    anchor, status = f"cluster-{number}", report.status
    picture = picture_of(status) if status else None
    problems = tuple(_problems(report, picture))
    changes = report.changes or ()
    return Section(
        anchor,
        report.name,
        picture.place if picture else "",
        report.time,
        _result(report, picture, problems),
        _changes(report),
        _counts(status),
        problems,
        tuple(_pictures(picture, anchor)) if picture else (),
        tuple(_plan(changes, plane, report.unread) for plane in PlaneName if any(c.plane is plane for c in changes)),
        tuple(_tables(status, picture)) if status and picture else (),
    )


def _result(report: ClusterReport, picture: Picture | None, problems: Sequence[Problem]) -> Cell:
    if report.errors:
        return Cell(("could not be read in whole",), "bad")
    if picture is not None and picture.broken:
        return Cell((f"{BROKEN}: {len(picture.broken)}",), "bad")
    if problems:
        return Cell((f"warnings: {len(problems)}",), "warn")
    return Cell(("works",), "good") if picture else Cell(("not applied yet",))


def _changes(report: ClusterReport) -> Cell:
    if report.changes is None:
        return Cell(("unknown",), "warn")
    return Cell((summary(report.changes),), "warn" if report.changes else "")


def _counts(status: ClusterStatus | None) -> Cell:
    if status is None:
        return Cell(("-",))
    used = sum(bool(eip.vm) for eip in status.eips)
    eips = f"{used} of {counted(len(status.eips), 'Elastic IP')} in use"
    return Cell((f"hosts: {len(status.hosts)}", eips, f"VMs: {len(status.vms)}"))


def _problems(report: ClusterReport, picture: Picture | None) -> Iterator[Problem]:
    """Errors, findings, and what is broken without one of them."""
    for error in report.errors:
        yield Problem(error.what, error.cause, error.advice, "bad", error.details)
    defects = dict(picture.defects) if picture else {}
    said: dict[str, list[str]] = {error.what.partition(":")[0]: [] for error in report.errors}
    for finding in report.findings:
        yield Problem(str(finding), "", finding.advice, "bad" if finding.check in defects else "warn")
        said.setdefault(finding.check, []).append(finding.text)
    for name, problems in defects.items():
        left = [text for text in problems if text not in said.get(name, ())]
        if left and (name not in said or len(left) < len(problems)):  # else it is said in other words
            yield Problem(f"{name}: {'; '.join(left)}", "", "", "bad")


def _pictures(picture: Picture, anchor: str) -> Iterator[tuple[str, Markup]]:
    """One for a screen, one for a phone; the page shows the one that fits. Both are ours, and escaped."""
    for name, columns in (("wide", svg.WIDE), ("narrow", svg.NARROW)):
        drawing = svg.draw(picture, columns=columns, name=f"{anchor}-{name}")
        yield name, Markup(drawing)  # noqa: S704


def _plan(changes: Iterable[Change], plane: PlaneName, unread: Sequence[str]) -> Table:
    own = [change for change in changes if change.plane is plane]
    rows = tuple(
        (
            Cell((host,), "id") if thing else Cell((change.key,)),
            Cell((f"{SYMBOLS[change.action]} {change.action.value}",)),
            Cell((f"{change.kind} {thing.partition('/')[2]}" if thing else change.kind,)),
            _differs(change),
        )
        for change in own
        for host, _, thing in (change.key.partition("/") if plane is PlaneName.HOSTS else ("", "", ""),)
    )
    caption = f"{plane.value}: {plane_summary(own, plane, unread)}"
    return Table(caption, ("Object", "Change", "Kind", "What and why"), rows)


def _differs(change: Change) -> Cell:
    """Where the change is from, why it is made, and the lines that a plan shows below it."""
    words = [change.origin.value, *([change.reason.value] if change.reason else [])]
    _head, *lines = change_lines(change)
    return Cell((*filter(None, (": ".join(words), change.why)), *(line[INDENT:] for line in lines)))


def _tables(status: ClusterStatus, picture: Picture) -> Iterator[Table]:
    yield Table(
        "Hosts",
        ("Host", "Instance", "Addresses", "AWS", "OpenNebula", "Network", "BGP sessions", "Entry host of"),
        tuple(
            (
                Cell((host.key,), "id"),
                Cell((host.instance_id,), "id"),
                Cell(tuple(one for one in (host.public_address, host.private_address) if one), "id"),
                *(_state(word) for word in (host.instance, host.opennebula, host.network)),
                _sessions(status, host.key),
                Cell((", ".join(host.groups) or "-",)),
            )
            for host in status.hosts
        ),
    )
    names = {vm.id: vm.name for vm in status.vms}
    problems = {node.key: node.problems for node in picture.of(NodeKind.EIP)}
    if status.eips:
        yield Table(
            "Elastic IPs",
            ("Elastic IP", "Public address", "VM's address", "Interface group", "Entry host", "Used by", "Made by"),
            tuple(
                (
                    *(Cell((text,)) for text in (eip.key, eip.public_address, eip.private_address, eip.group)),
                    _entry_host(eip.entry_host, problems[eip.key]),
                    Cell((_holder(eip.vm, names),)),
                    Cell((eip.made_by,)),
                )
                for eip in status.eips
            ),
        )
    if status.vms:
        yield Table(
            "VMs",
            ("VM", "Name", "State", "Host", "Elastic IPs"),
            tuple(
                (
                    Cell((f"VM {vm.id}",)),
                    Cell((vm.name,)),
                    Cell((f"✗ {vm.state}",), "bad") if vm_failed(vm) else Cell((vm.state,), _good(vm.state)),
                    Cell((vm.host or "none of this cluster",)),
                    Cell((", ".join(vm.eips) or "-",)),
                )
                for vm in status.vms
            ),
        )


def _entry_host(key: str, problems: Sequence[str]) -> Cell:
    """The entry host of an Elastic IP, and why the address does not work."""
    lines = tuple(f"✗ {text}" for text in problems)
    return Cell((key, *lines) if key else lines, "bad" if problems else "")


def _holder(text: str, names: dict[int, str]) -> str:
    """`VM 3`, with its name."""
    number = text.removeprefix("VM ")
    return f"{text} {names.get(int(number), '')}".strip() if number != text and number.isdecimal() else text or "free"


def _state(word: str) -> Cell:
    """The state of a host, or the reason why there is none."""
    if word in WORKING or word in CHANGING:
        return Cell((word,), _good(word) or "warn")
    return Cell((f"✗ {word}",), "bad")


def _good(word: str) -> Style:
    return "good" if word in WORKING else ""


def _sessions(status: ClusterStatus, key: str) -> Cell:
    own = [session for session in status.sessions if key in session.hosts]
    bad = [f"✗ {' and '.join(one.hosts)}: {one.state}" for one in own if one.state != ESTABLISHED]
    if not own:
        return Cell(("-",))
    return Cell((f"{len(own) - len(bad)} of {len(own)} established", *bad), "bad" if bad else "good")
