"""An apply that is interrupted keeps the instances that it was starting, whatever happens until then. Terraform is
played by a script."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path

import pytest

from edgewrap.aws.terraform.runner import Terraform
from edgewrap.aws.terraform.workdir import WorkDir
from edgewrap.events import Event, EventKind

SCRIPT = """#!/bin/sh
case "$1" in
version) echo '{"terraform_version": "1.10.0"}' ;;
apply)
    trap 'stop=1' INT
    cat "%s/begun"
    while [ -z "$stop" ]; do sleep 0.05; done
    cat "%s/failed"
    exit 1 ;;
untaint)
    sleep 0.3
    echo "$@" >> "%s/untainted" ;;
esac
"""
HOSTS = [f'module.hosts.aws_instance.host["host-{index}"]' for index in range(3)]


def hooks(kind: str) -> str:
    lines = []
    for address in [*HOSTS, "module.network.aws_vpc.this[0]"]:
        path, _, index = address.rstrip("]").partition("[")
        kind_of_resource, name = path.split(".")[-2:]
        named = {"resource_type": kind_of_resource, "resource_name": name, "resource_key": json.loads(index)}
        resource = {"addr": address, **named}
        lines.append(json.dumps({"type": kind, "hook": {"resource": resource, "action": "create"}}))
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture
def terraform(tmp_path: Path) -> Path:
    """A script that is interrupted amid creating hosts and a network."""
    (tmp_path / "begun").write_text(hooks("apply_start"))
    (tmp_path / "failed").write_text(hooks("apply_errored"))
    script = tmp_path / "terraform-script"
    script.write_text(SCRIPT % (tmp_path, tmp_path, tmp_path))
    script.chmod(0o755)
    WorkDir(tmp_path).own.mkdir(parents=True)
    return script


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("later", [signal.SIGINT, signal.SIGTERM])
def test_starting_instances_are_kept_after_an_interrupt(
    terraform: Path, tmp_path: Path, later: signal.Signals, shown: bool
) -> None:
    def emit(event: Event) -> None:
        if event.kind is EventKind.STEP_STARTED and event.key == "instance host-0":
            signal.raise_signal(signal.SIGINT)
            if not shown:
                raise OSError(errno.EIO, "the terminal is closed")
        if " untaint " in event.text:
            signal.raise_signal(later)

    before = [(number, signal.signal(number, signal.default_int_handler)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        with pytest.raises(KeyboardInterrupt):
            Terraform(str(terraform), WorkDir(tmp_path), emit, environ=os.environ).apply()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    untainted = (tmp_path / "untainted").read_text().splitlines()
    assert [line.split()[-1] for line in untainted] == HOSTS
