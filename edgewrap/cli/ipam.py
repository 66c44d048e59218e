"""`edgewrap ipam`: the OpenNebula IPAM driver, and its installation on a front-end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from edgewrap.cli.many_commands import with_many
from edgewrap.cli.options import Json, SpecFile
from edgewrap.paths import expanded

app = typer.Typer(help="The OpenNebula IPAM driver: Elastic IPs that OpenNebula requests.", no_args_is_help=True)

_ACTIONS = {
    "register_address_range": "Request an Elastic IP for a new range.",
    "unregister_address_range": "Release the Elastic IP of a removed range, if the driver requested it.",
    "allocate_address": "Nothing to do: a range has one address.",
    "get_address": "Answer with the address of the range.",
    "free_address": "Nothing to do: the range keeps its Elastic IP.",
}


def _command(action: str) -> Callable[[str], int]:
    def run(
        request: Annotated[str, typer.Argument(help="The front-end's request number; not used.")] = "",  # noqa: ARG001
    ) -> int:
        from edgewrap.ipam.quick import main

        return main(action)

    return run


for _name, _help in _ACTIONS.items():
    app.command(_name, help=f"{_help} The front-end calls this, with the range on standard input.")(_command(_name))


@app.command()
@partial(with_many, only_one="")
def install(
    file: SpecFile,
    remotes: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="The front-end's directory of drivers.", envvar="EDGEWRAP_REMOTES", parser=expanded
        ),
    ] = Path("/var/lib/one/remotes"),
    check: Annotated[bool, typer.Option("--check", help="Only check what is missing; exit 1 if anything is.")] = False,
    json: Json = False,
) -> int:
    """Install the driver on this front-end: its scripts, and the cluster's spec. Can be repeated."""
    import os

    from edgewrap.cli.documents.results import InstalledDriver
    from edgewrap.cli.views import print_document, print_line
    from edgewrap.ipam import install as installation

    if check:
        from edgewrap.cli.views.preflight import print_findings
        from edgewrap.errors import PreflightError
        from edgewrap.finding import Verdict
        from edgewrap.ipam.specs import read_spec

        findings = installation.check(read_spec(file, os.environ), remotes, os.environ)
        failed = any(finding.verdict is Verdict.FAILURE for finding in findings)
        if failed and json:
            raise PreflightError(findings)
        print_findings(findings, json=json)
        return 1 if failed else 0
    written, spec = installation.install(file, remotes, os.environ)
    if json:
        print_document(InstalledDriver(1, spec.name, tuple(map(str, written))), indent=None)
        return 0
    print_line(
        *(f"wrote {path}" for path in written),
        f"The driver is installed for {spec.name}. List it in /etc/one/oned.conf, then restart OpenNebula:",
        *installation.configuration_lines().split("\n"),
        "As oneadmin, `edgewrap ipam install --check` says what is missing.",
    )
    return 0
