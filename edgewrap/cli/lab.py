"""`edgewrap lab`: an edge cluster in a box."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgewrap.cli import completion
from edgewrap.cli.views import print_document, print_json, print_line
from edgewrap.errors import ToolError

if TYPE_CHECKING:
    from edgewrap.lab.directory import LabDirectory

app = typer.Typer(
    help="An edge cluster in a box: AWS, OpenNebula and hosts on this machine, with no cloud.", no_args_is_help=True
)
vm = typer.Typer(help="VMs on the lab's hosts.", no_args_is_help=True)
host = typer.Typer(help="The lab's hosts: power cuts, stop and start.", no_args_is_help=True)
app.add_typer(vm, name="vm")
app.add_typer(host, name="host")


_HOST = "The host's key (host-0), instance id or address."
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        "-n",
        help="The lab's name; several labs can run side by side.",
        autocompletion=completion.labs,
    ),
]
HostOption = Annotated[str, typer.Option("--host", help=_HOST, autocompletion=completion.hosts)]
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help=_HOST, autocompletion=completion.hosts)]
VmName = Annotated[str, typer.Argument(metavar="NAME", help="The VM's name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_HOST_COLUMNS = ("key", "instance", "state", "aws_state", "boots", "private_address", "public_address")
_VM_COLUMNS = ("name", "id", "host_key", "address", "network", "port", "state")


@app.command()
def up(
    name: Name = None,
    hosts: Annotated[bool, typer.Option(help="Start a host for each instance; needs root.")] = True,
    cloud_init: Annotated[
        Literal["untidy", "tidy"], typer.Option(help="How cloud-init leaves the interfaces.")
    ] = "untidy",
    opennebula: Annotated[Literal["6.10", "7.0.2", "7.4.0"], typer.Option(help="The front-end's version.")] = "7.0.2",
    follow: Annotated[
        int,
        typer.Option(
            "--follow-pid",
            metavar="PID",
            min=0,
            help="End the lab when this process ends; 0 for none.",
            envvar="EDGEWRAP_LAB_FOLLOW",
        ),
    ] = 0,
    json: Json = False,
) -> None:
    """Start a lab in the background."""
    from edgewrap.lab import launch
    from edgewrap.lab.opennebula.release import full_version
    from edgewrap.lab.settings import CloudInit

    if find_spec("moto") is None:
        raise ToolError(
            "the lab's AWS is missing: moto is not installed",
            cause="edgewrap was installed without its extra `lab`",
            advice="install it with that extra: docs/install.md says how",
        )
    directory = _directory(name)
    interfaces, version = CloudInit(cloud_init), full_version(opennebula)
    launch.up(directory, hosts=hosts, cloud_init=interfaces, front_end_version=version, follow=follow)
    lab = _ask(name, "status")
    if json:
        print_json(lab)
        return
    print_line(f"The lab {lab['name']!r} is up: AWS {lab['aws_endpoint']}, OpenNebula {lab['front_end_version']}")
    for line in lab["left_out"]:
        print_line(f"Left out: {line}")
    print_line("Run commands in it with `edgewrap lab exec -- COMMAND`, stop it with `edgewrap lab down`.")


@app.command()
def down(name: Name = None) -> None:
    """Stop a lab: hosts, servers and networks."""
    from edgewrap.lab import launch

    directory = _directory(name)
    launch.down(directory)
    print_line(f"The lab {directory.name!r} has ended.")


@app.command()
def status(name: Name = None, json: Json = False) -> None:
    """Show a lab's endpoints, hosts and VMs."""
    lab = _ask(name, "status")
    if json:
        print_json(lab)
        return
    print_line(f"Lab {lab['name']} in {lab['directory']}")
    print_line(f"  AWS         {lab['aws_endpoint']}  {lab['services']['AWS']}")
    print_line(
        f"  OpenNebula  {lab['front_end_endpoint']}  {lab['services']['front-end']}  version {lab['front_end_version']}"
    )
    for line in lab["left_out"]:
        print_line(f"  left out: {line}")
    if lab["trouble"]:
        print_line(f"  error: {lab['trouble']}")
    _table("Hosts", _HOST_COLUMNS, lab["hosts"])
    for one in lab["hosts"]:
        if one["console"]:
            print_line(f"  {one['key']} console: {one['console']}")
    _vm_table(lab["vms"])
    dropped = [f"{where} {packets}" for where, packets in lab["dropped"].items() if packets]
    if dropped:
        print_line("", "Packets dropped: " + ", ".join(dropped))


@app.command("exec", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="The command to run.")],
    name: Name = None,
    place: Annotated[
        str, typer.Option("--in", metavar="PLACE", help="Where: internet, fabric, gateway, a VPC id, a host or a VM.")
    ] = "",
) -> int:
    """Run a command inside a lab, where AWS, the front-end and the hosts can be reached."""
    from edgewrap.lab import launch

    return launch.execute(_directory(name), command, os.environ, place=place)


@app.command()
def probe(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A VM's Elastic IP.")],
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run, such as a live move.")],
    port: Annotated[int, typer.Option(help="The port of the VM's web server.", min=1, max=65535)] = 80,
    name: Name = None,
    json: Json = False,
) -> int:
    """Ping a VM and request a page from it, from the lab's internet, while a command runs: losses and longest gaps."""
    from edgewrap.lab.probe import probe as run_probe

    status, report = run_probe(_directory(name), address, port, command, os.environ, quiet=json)
    if json:
        print_document(report)
    else:
        for what, one in (("ping", report.ping), ("http", report.http)):
            print_line(f"{what}  {one.sent} sent, {one.lost} lost, longest gap {one.longest_gap_s:.2f} s")
        print_line(f"TCP connections of the HTTP requests: {report.connections}")
    return status


@vm.command("start")
def vm_start(
    vm_name: VmName,
    host: HostOption,
    ip: Annotated[str, typer.Option(help="The VM's private address. Default: the first free one.")] = "",
    network: Annotated[str, typer.Option(help="The network's name. Default: the one that contains the address.")] = "",
    nic: Annotated[list[str], typer.Option(metavar="NETWORK[=ADDRESS]", help="An additional NIC; repeatable.")] = [],  # noqa: B006 - typer's way of a repeatable option
    security_group: Annotated[
        list[int], typer.Option(metavar="ID", help="A security group in addition to the network's own; repeatable.")
    ] = [],  # noqa: B006
    name: Name = None,
    json: Json = False,
) -> None:
    """Start a VM: allocate it at the front-end and connect it on the host."""
    started = _ask(
        name, "vm start", name=vm_name, host=host, address=ip, network=network, nics=nic, security_groups=security_group
    )
    if json:
        print_json(started)
        return
    on = ", ".join(f"{found['address']} on {found['network']}" for found in started["nics"])
    print_line(f"VM {started['name']} (id {started['id']}) has {on}.")


@vm.command("stop")
def vm_stop(vm_name: VmName, name: Name = None, json: Json = False) -> None:
    """Stop a VM and delete it at the front-end."""
    stopped = _ask(name, "vm stop", name=vm_name)
    if json:
        print_json(stopped)
        return
    print_line(f"VM {stopped['name']} (id {stopped['id']}) is deleted.")


@vm.command("move")
def vm_move(vm_name: VmName, host: HostOption, name: Name = None, json: Json = False) -> None:
    """Live-migrate a VM to another host."""
    moved = _ask(name, "vm move", name=vm_name, host=host)
    if json:
        print_json(moved)
        return
    print_line(
        f"VM {moved['name']} (id {moved['id']}) is on {moved['host_key']}; it had no port for {moved['gap_s']} s."
    )


@vm.command("list")
def vm_list(name: Name = None, json: Json = False) -> None:
    """List the VMs."""
    vms = _ask(name, "vm list")
    if json:
        print_json(vms)
    elif vms:
        _vm_table(vms)
    else:
        print_line("No VMs.")


@host.command("kill")
def host_kill(
    host: HostArgument,
    silent: Annotated[bool, typer.Option("--silent", help="AWS still reports the instance as running.")] = False,
    name: Name = None,
    json: Json = False,
) -> None:
    """Cut a host's power: everything on it stops at once."""
    _switch(name, "host kill", json=json, host=host, silent=silent)


@host.command("stop")
def host_stop(host: HostArgument, name: Name = None, json: Json = False) -> None:
    """Stop a host's instance through the AWS API."""
    _switch(name, "host stop", json=json, host=host)


@host.command("start")
def host_start(host: HostArgument, name: Name = None, json: Json = False) -> None:
    """Start a host's instance through the AWS API, or one that was killed silently, and wait until it has booted."""
    _switch(name, "host start", json=json, host=host)


def _switch(name: str | None, what: str, *, json: bool, **arguments: Any) -> None:
    found = _ask(name, what, **arguments)
    if json:
        print_json(found)
        return
    print_line(f"Host {found['key']} ({found['instance']}) is {found['state']}; AWS says {found['aws_state']}.")


def _ask(name: str | None, what: str, /, **arguments: Any) -> Any:
    from edgewrap.lab import control

    return control.ask(_directory(name), what, **arguments)


def _directory(name: str | None) -> LabDirectory:
    from edgewrap.lab.directory import lab_directory

    return lab_directory(name, os.environ)


def _vm_table(vms: Sequence[Mapping[str, Any]]) -> None:
    """One line per NIC."""
    _table("VMs", _VM_COLUMNS, [{**vm, **nic} for vm in vms for nic in vm["nics"]])


def _table(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    head = [column.replace("_", " ") for column in columns]
    lines = [head, *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print_line("", title)
    for line in lines:
        print_line("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
