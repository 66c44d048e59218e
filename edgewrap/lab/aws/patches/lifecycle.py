"""Start, stop, reboot and termination, and status checks.

Stock moto stops at once, starts terminated instances, and keeps the addresses and interfaces of a terminated instance.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import Instance, InstanceState
from moto.ec2.responses.instances import InstanceResponse

from edgewrap.lab.aws.later import LATER
from edgewrap.lab.aws.limits import LIMITS
from edgewrap.lab.aws.patches.errors import RefusedError
from edgewrap.lab.aws.patches.instance_types import refuse_running_more
from edgewrap.lab.aws.patches.public_addresses import dns_name_of
from edgewrap.lab.cloud import private_domain

_start = Instance.start
_stop = Instance.stop
_reboot = Instance.reboot
_terminate = Instance.terminate


class InstanceLifecycle(Instance):
    """`generation` counts the starts, `boots` the reboots."""

    def start(self) -> InstanceState:
        self.refuse_unless("start", "stopped", "running")
        if self.state == "stopped":
            refuse_running_more(self.ec2_backend, self.availability_zone or "", self.instance_type, 1)
            self.__dict__["generation"] += 1
        return _start(self)

    def stop(self) -> InstanceState:
        self.refuse_unless("stop", "running", "stopping", "stopped")
        if self.state == "running" and LIMITS.metal.stop_s:
            return self.leave_by("stopping", 64, lambda: _stop(self))
        return copy.copy(self.instance_state) if self.state == "stopping" else _stop(self)

    def reboot(self) -> None:
        self.refuse_unless("reboot", "running")
        self.__dict__["boots"] += 1
        _reboot(self)

    def terminate(self) -> InstanceState:
        """Deletes the interfaces made at launch; keeps those attached later, with their addresses and associations."""
        if self.state in ("shutting-down", "terminated"):
            return copy.copy(self.instance_state)
        if self.state != "stopped" and LIMITS.metal.stop_s:
            return self.leave_by("shutting-down", 32, self.end)
        return self.end()

    def leave_by(self, state: str, code: int, end: Callable[[], object]) -> InstanceState:
        """Be in this state until the metal is off, then `end`; returns the state before."""
        before = copy.copy(self.instance_state)
        for interface in self.nics.values():
            interface.stop()  # the public address is released
        self.instance_state.name, self.instance_state.code = state, code
        LATER.call(LIMITS.metal.stop_s, lambda: end() if self.state == state else None)
        return before

    def end(self) -> InstanceState:
        """Terminate it now."""
        for interface in list(self.nics.values()):
            interface.stop()
            self.detach_eni(interface)
            if interface.delete_on_termination:
                self.ec2_backend.delete_network_interface(interface.id)
        return _terminate(self)

    def refuse_unless(self, what: str, *states: str) -> None:
        """Refuse an action on an instance that is in none of these states."""
        if self.state not in states:
            raise RefusedError(
                "IncorrectInstanceState",
                f"The instance '{self.id}' is not in a state from which it can be {what}ed ({self.state}).",
            )

    @property
    def system_status(self) -> dict[str, Any]:
        """The check of AWS's hardware under the instance."""
        if self.state != "running":
            return {"Status": "not-applicable"}
        passed, status = ("failed", "impaired") if self.__dict__.get("impaired") else ("passed", "ok")
        return {"Details": [{"Name": "reachability", "Status": passed}], "Status": status}

    @property
    def private_ip(self) -> str | None:
        return self.nics[0].private_ip_address if 0 in self.nics else None

    @property
    def private_ip_address(self) -> str | None:
        return self.nics[0].private_ip_address if 0 in self.nics else None

    @property
    def private_dns_name(self) -> str:
        if 0 not in self.nics:
            return ""
        return f"ip-{str(self.private_ip).replace('.', '-')}.{private_domain(self.region_name)}"

    @property
    def public_dns_name(self) -> str | None:
        primary = self.nics.get(0)
        return dns_name_of(primary, primary.public_ip) if primary and primary.public_ip else None

    @property
    def public_ip(self) -> str | None:
        return self.nics[0].public_ip if 0 in self.nics else None

    @property
    def public_ip_address(self) -> str | None:
        return self.nics[0].public_ip if 0 in self.nics else None


class TerminateOnly(InstanceResponse):
    """Moto's own method also notifies its autoscaling and load balancer backends, which the lab does not load."""

    def terminate_instances(self) -> ActionResult:
        ids = self._get_param("InstanceIds", [])
        self.error_on_dryrun()
        result: list[dict[str, Any]] = [
            {
                "InstanceId": instance.id,
                "CurrentState": {"Code": 32, "Name": "shutting-down"},
                "PreviousState": previous_state,
            }
            for instance, previous_state in self.ec2_backend.terminate_instances(ids)
        ]
        return ActionResult({"TerminatingInstances": result})
