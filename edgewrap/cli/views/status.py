"""The status of a cluster as two tables, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgewrap.cli.views import print_document
from edgewrap.safe_text import safe

if TYPE_CHECKING:
    from edgewrap.engine.status import ClusterStatus

WIDEST = 10_000  # a row is one line, in a narrow terminal and in a pipe too
COLOURS = {"running": "green", "monitored": "green", "ready": "green", "differs": "yellow", "unknown": "yellow"}


def print_status(status: ClusterStatus, *, json: bool) -> None:
    """Write to standard output."""
    if json:
        print_document(status)
        return
    # a name such as `[red]` or `:smile:` is shown as it is
    console = Console(highlight=False, width=WIDEST, markup=False, emoji=False)
    for part in status_parts(status):
        console.print(part)


def status_parts(status: ClusterStatus) -> Iterator[Text | Table]:
    """A head line, the two tables, and the warnings."""
    status = safe(status)
    yield Text(f"{status.name}: {status.region}, zone {status.zone}, {status.vpc_id}")
    hosts = _table("host", "instance", "public address", "private address", "AWS", "OpenNebula", "network", "groups")
    for host in status.hosts:
        hosts.add_row(
            host.key,
            host.instance_id,
            host.public_address or "-",
            host.private_address,
            _coloured(host.instance),
            _coloured(host.opennebula),
            _coloured(host.network),
            " ".join(group.removeprefix("group-") for group in host.groups) or "-",
        )
    yield hosts
    eips = _table("Elastic IP", "public address", "VM's address", "group", "entry host", "VM", "made by")
    for eip in status.eips:
        group = eip.group.removeprefix("group-")
        eips.add_row(
            eip.key, eip.public_address, eip.private_address, group, eip.entry_host, eip.vm or "-", eip.made_by
        )
    yield eips
    for warning in status.warnings:
        yield Text(f"warning: {warning}; {warning.advice}", style="yellow")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _coloured(word: str) -> Text:
    return Text(word, style=COLOURS.get(word, "red"))
