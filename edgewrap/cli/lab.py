"""`edgewrap lab`: an edge cluster in a box."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgewrap.lab.directory import LabDirectory

app = typer.Typer(
    help="An edge cluster in a box: AWS, OpenNebula and hosts on this machine, with no cloud.", no_args_is_help=True
)
vm = typer.Typer(help="VMs on the lab's hosts.", no_args_is_help=True)
app.add_typer(vm, name="vm")


class _CloudInit(StrEnum):  # as in edgewrap.lab.settings, which is not imported at start-up
    UNTIDY = "untidy"
    TIDY = "tidy"


class _Version(StrEnum):
    V7_0_2 = "7.0.2"
    V7_4_0 = "7.4.0"


Name = Annotated[str | None, typer.Option("--name", "-n", help="Which lab; several may run side by side.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def up(
    name: Name = None,
    hosts: Annotated[bool, typer.Option(help="Make a host of each instance; needs root.")] = True,
    cloud_init: Annotated[_CloudInit, typer.Option(help="How cloud-init leaves the interfaces.")] = _CloudInit.UNTIDY,
    opennebula: Annotated[_Version, typer.Option(help="The front-end's version.")] = _Version.V7_0_2,
) -> None:
    """Start a lab in the background."""
    from edgewrap.cli.views import lab as view
    from edgewrap.lab import control, launch
    from edgewrap.lab.settings import CloudInit

    directory = _directory(name)
    launch.up(directory, hosts=hosts, cloud_init=CloudInit(cloud_init.value), front_end_version=opennebula.value)
    view.print_started(control.ask(directory, "status"))


@app.command()
def down(name: Name = None) -> None:
    """End a lab: hosts, servers and networks, all at once."""
    from edgewrap.lab import launch

    directory = _directory(name)
    launch.down(directory)
    typer.echo(f"The lab {directory.name!r} has ended.")


@app.command()
def status(name: Name = None, json: Json = False) -> None:
    """Show where a lab's servers are, and its hosts and VMs."""
    from edgewrap.cli.views import lab as view
    from edgewrap.lab import control

    view.print_status(control.ask(_directory(name), "status"), json=json)


@app.command("exec", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def execute(
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND…", help="What to run.")],
    name: Name = None,
    place: Annotated[
        str,
        typer.Option("--in", metavar="PLACE", help="internet, fabric, gateway, a VPC's id, a host or a VM."),
    ] = "",
) -> int:
    """Run a command inside a lab, where AWS, the front-end and the hosts can be reached."""
    from edgewrap.lab import launch

    return launch.execute(_directory(name), command, os.environ, place=place)


@vm.command("start")
def vm_start(
    vm_name: Annotated[str, typer.Argument(metavar="NAME", help="The VM's name.")],
    host: Annotated[str, typer.Option(help="The host: its key (host-0), instance id or address.")],
    ip: Annotated[str, typer.Option(help="The VM's private address, from a network of the cluster.")],
    network: Annotated[str, typer.Option(help="The network, by name; otherwise the one that has the address.")] = "",
    name: Name = None,
) -> None:
    """Start a VM: allocated by the front-end, plugged in on the host."""
    from edgewrap.lab import control

    started = control.ask(_directory(name), "vm start", name=vm_name, host=host, address=ip, network=network)
    typer.echo(f"VM {started['name']} (id {started['id']}) has {started['address']} on {started['network']}.")


@vm.command("stop")
def vm_stop(vm_name: Annotated[str, typer.Argument(metavar="NAME", help="The VM's name.")], name: Name = None) -> None:
    """Stop a VM and free it in the front-end."""
    from edgewrap.lab import control

    stopped = control.ask(_directory(name), "vm stop", name=vm_name)
    typer.echo(f"VM {stopped['name']} (id {stopped['id']}) is gone.")


@vm.command("list")
def vm_list(name: Name = None, json: Json = False) -> None:
    """List the VMs."""
    from edgewrap.cli.views import lab as view
    from edgewrap.lab import control

    view.print_vms(control.ask(_directory(name), "vm list"), json=json)


def _directory(name: str | None) -> LabDirectory:
    from edgewrap.lab.directory import lab_directory

    return lab_directory(name, os.environ)
