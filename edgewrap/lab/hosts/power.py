"""Switch hosts off and on, through the AWS API or by a power cut: what `lab host` runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from edgewrap.errors import LabError
from edgewrap.lab.aws.client import LabAwsClient
from edgewrap.lab.documents import LabHostPower
from edgewrap.lab.hosts.machine import Machine, State
from edgewrap.lab.hosts.machines import Machines

_WAIT_S = 60.0
_POLL_S = 0.05


class Power:
    """The power switches of a lab's hosts. `changed` is called when the hosts must be checked again."""

    def __init__(self, machines: Machines, aws_endpoint: str, changed: Callable[[], None]) -> None:
        self._machines = machines
        self._aws_endpoint = aws_endpoint
        self._changed = changed

    async def kill(self, host: str, silent: bool = False) -> LabHostPower:
        """Cut a host's power. AWS then reports the instance as stopped, or with `silent` still as running.

        Raises LabError.
        """
        machine = self._machines.find(host)
        if not machine.namespace:
            raise _is(machine)
        machine.kill()
        self._changed()
        await _until(machine, lambda: not machine.namespace, "does not end")
        if not silent:
            aws = LabAwsClient(self._aws_endpoint)
            await asyncio.to_thread(aws.set_instance_state, machine.instance.id, "stopped")
            await _until(machine, lambda: machine.instance.state == "stopped", "is not stopped in AWS")
        return self._entry(machine)

    async def stop(self, host: str) -> LabHostPower:
        """Stop a host's instance, and wait until the host is off. Raises LabError."""
        machine = self._machines.find(host)
        await asyncio.to_thread(self._call, machine, "stop_instances")
        await _until(machine, lambda: machine.instance.state == "stopped" and not machine.namespace, "does not stop")
        return self._entry(machine)

    async def start(self, host: str) -> LabHostPower:
        """Start a host's instance, or boot one that died while AWS reports it as running; wait until sshd listens.

        Raises LabError.
        """
        machine = self._machines.find(host)
        if machine.state is State.DEAD:
            machine.killed, machine.wants_reboot = False, True
            self._changed()
        else:
            await asyncio.to_thread(self._call, machine, "start_instances")
        await _until(machine, lambda: machine.state is State.RUNNING, "does not boot")
        return self._entry(machine)

    def _call(self, machine: Machine, operation: str) -> None:
        """One EC2 call for the host's instance. Blocking."""
        import boto3  # slow to import, and most labs do not need it
        from botocore.exceptions import BotoCoreError, ClientError

        ec2: Any = boto3.client(
            "ec2",
            region_name=machine.instance.region,
            endpoint_url=self._aws_endpoint,
            aws_access_key_id="lab",
            aws_secret_access_key="lab",  # noqa: S106 - the lab's AWS takes any
        )
        try:
            getattr(ec2, operation)(InstanceIds=[machine.instance.id])
        except (BotoCoreError, ClientError) as error:
            raise LabError(
                f"AWS refused {operation} of {machine.instance.id}",
                cause=str(error),
                advice="see `edgewrap lab status`",
            ) from error

    def _entry(self, machine: Machine) -> LabHostPower:
        return {
            "key": self._machines.key_of(machine.instance.id),
            "instance": machine.instance.id,
            "state": machine.state.value,
            "aws_state": machine.instance.state,
        }


def _is(machine: Machine) -> LabError:
    return LabError(
        f"the host {machine.instance.id} is {machine.state}",
        cause=f"its instance is {machine.instance.state}",
        advice="see `edgewrap lab status`",
    )


async def _until(machine: Machine, holds: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not holds():
        if time.monotonic() > deadline:
            raise LabError(
                f"the host {machine.instance.id} {failure} within {_WAIT_S:.0f} s",
                cause=f"it is {machine.state}, its instance is {machine.instance.state}",
                advice="see `edgewrap lab status` and the lab's log",
            )
        await asyncio.sleep(_POLL_S)
