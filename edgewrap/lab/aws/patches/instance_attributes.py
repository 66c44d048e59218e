"""RunInstances: placement, Capacity Reservation and termination protection, as requested. Stock moto drops them."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses.instances import InstanceResponse

_run = InstanceResponse.run_instances


class LaunchAttributes(InstanceResponse):
    def run_instances(self) -> ActionResult:
        answer = _run(self)
        reservation: Any = answer.result
        for instance in reservation.instances:
            instance.disable_api_termination = self._get_bool_param("DisableApiTermination", False)
            instance.placement.group_name = self._get_param("Placement.GroupName") or ""
            instance.placement.tenancy = self._get_param("Placement.Tenancy") or "default"
            instance.capacity_reservation_specification = self._get_param("CapacityReservationSpecification") or {
                "CapacityReservationPreference": "open"
            }
        return answer
