"""A change of hypervisor on hosts that are there: their running VMs belong to the old drivers."""

from __future__ import annotations

from collections.abc import Iterable

from edgewrap.errors import InUseError
from edgewrap.opennebula import in_use
from edgewrap.opennebula.facts import OwnedObjects
from edgewrap.opennebula.kinds.host import DRIVER_ATTRIBUTES, DesiredHost, drivers_differ
from edgewrap.opennebula.kinds.template import text_of


def refuse_change_under_vms(ours: OwnedObjects, wanted: Iterable[DesiredHost]) -> None:
    """Raises InUseError with every host that would get other drivers while it has VMs."""
    changing = [one for one in wanted if one.key in ours.hosts and drivers_differ(ours.hosts[one.key], one)]
    reasons = in_use.vms_on(ours, [one.key for one in changing])
    if not reasons:
        return
    driver = changing[0].driver
    present = {text_of(ours.hosts[one.key].template, name) for one in changing for name in DRIVER_ATTRIBUTES}
    before = ", ".join(sorted(present - {driver}))
    raise InUseError(
        f"the hosts' drivers cannot change from {before} to {driver}: {'; '.join(reasons)}",
        cause=f"OpenNebula would manage the running VMs with the {driver} drivers, which did not start them",
        advice=(
            "move or terminate these VMs, then re-run; to keep the drivers, set hosts.hypervisor back, or restore "
            "IM_MAD and VM_MAD with `onehost update` if they were changed by hand"
        ),
    )
