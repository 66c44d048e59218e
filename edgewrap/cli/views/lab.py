"""What `edgewrap lab` prints."""

from __future__ import annotations

import json as json_module
from collections.abc import Mapping, Sequence
from typing import Any

import typer

_HOST_COLUMNS = ("key", "instance", "state", "aws_state", "boots", "private_address", "public_address")
_VM_COLUMNS = ("name", "id", "host_key", "address", "network", "port", "state")


def print_started(status: Mapping[str, Any]) -> None:
    """The summary after `lab up`: endpoints, what is left out, and the next commands."""
    typer.echo(
        f"The lab {status['name']!r} is up: AWS {status['aws_endpoint']}, OpenNebula {status['front_end_version']}"
    )
    for line in status["left_out"]:
        typer.echo(f"Left out: {line}")
    typer.echo("Run commands in it with `edgewrap lab exec -- COMMAND`, stop it with `edgewrap lab down`.")


def print_status(status: Mapping[str, Any], *, json: bool) -> None:
    """The whole status, for a person or as one JSON object."""
    if json:
        typer.echo(json_module.dumps(status, indent=2))
        return
    typer.echo(f"Lab {status['name']} in {status['directory']}")
    typer.echo(f"  AWS         {status['aws_endpoint']}  {status['services']['AWS']}")
    typer.echo(
        f"  OpenNebula  {status['front_end_endpoint']}  {status['services']['front-end']}"
        f"  version {status['front_end_version']}"
    )
    for line in status["left_out"]:
        typer.echo(f"  left out: {line}")
    if status["trouble"]:
        typer.echo(f"  error: {status['trouble']}")
    _table("Hosts", _HOST_COLUMNS, status["hosts"])
    for host in status["hosts"]:
        if host["console"]:
            typer.echo(f"  {host['key']} console: {host['console']}")
    _print_vms(status["vms"])
    dropped = {name: packets for name, packets in status["dropped"].items() if packets}
    if dropped:
        typer.echo("\nPackets dropped: " + ", ".join(f"{name} {packets}" for name, packets in dropped.items()))


def print_vms(vms: Sequence[Mapping[str, Any]], *, json: bool) -> None:
    """The VMs, for a person or as a JSON list."""
    if json:
        typer.echo(json_module.dumps(vms, indent=2))
    elif vms:
        _print_vms(vms)
    else:
        typer.echo("No VMs.")


def _print_vms(vms: Sequence[Mapping[str, Any]]) -> None:
    """One line per NIC."""
    _table("VMs", _VM_COLUMNS, [{**vm, **nic} for vm in vms for nic in vm["nics"]])


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    lines = [
        [column.replace("_", " ") for column in columns],
        *([str(row[column]) for column in columns] for row in rows),
    ]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    typer.echo(f"\n{title}")
    for line in lines:
        typer.echo("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
