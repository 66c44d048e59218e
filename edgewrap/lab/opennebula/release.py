"""The differences between the recorded releases of OpenNebula."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Release:
    """What is specific to a release.

    `config` is the excerpt of its configuration, `inventory_file` what its dummy hosts report.
    """

    version: str
    allocation_code: bool  # a failed cluster or host allocation has the code 0x4000 and a prefix
    network_template_id: bool  # TEMPLATE_ID is an element of the network, not an attribute of its template
    range_cursor: bool  # ranges have SHARED and NEXT_INDEX, where the search for a free address starts
    live_migration_flags: bool  # system datastores have DS_LIVE_MIGRATE and DS_MIGRATE_SNAP
    context_routes: bool  # the context has ETHn_ROUTES
    machine_type: str  # OS/MACHINE that a KVM machine gets when it is deployed
    context_target: str  # the disk that carries the context
    host_names_checked: bool = True  # a host's name may have certain characters only
    local_datastores: bool = True  # the datastores 0 to 2 use `local`, not `ssh`
    persistent_snapshots: bool = True  # datastores have PERSISTENT_SNAPSHOTS
    image_times: bool = True  # images have MODTIME
    plans: bool = True  # a VM's history has PLAN_ID and ACTION_ID
    public_cloud: bool = False  # VMs require hosts that are not PUBLIC_CLOUD
    migration_datastore: bool = True  # a refused migration names the datastore, too

    @property
    def config(self) -> str:
        """What `one.system.config` answers."""
        return _text(f"config-{self.version}.xml")

    @property
    def inventory_file(self) -> Path:
        """What a dummy host reports: devices, NUMA nodes, attributes and figures."""
        return DATA / f"dummy-host-{self.version}.xml"


@cache
def _text(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8").strip()


_SEVEN_ZERO = Release(
    version="7.0.2",
    allocation_code=False,
    network_template_id=False,
    range_cursor=False,
    live_migration_flags=False,
    context_routes=False,
    machine_type="",
    context_target="hda",
)
_SIX_TEN = replace(
    _SEVEN_ZERO,
    version="6.10.0.1",
    host_names_checked=False,
    local_datastores=False,
    persistent_snapshots=False,
    image_times=False,
    plans=False,
    public_cloud=True,
    migration_datastore=False,
)
_SEVEN_FOUR = Release(
    version="7.4.0",
    allocation_code=True,
    network_template_id=True,
    range_cursor=True,
    live_migration_flags=True,
    context_routes=True,
    machine_type="q35",
    context_target="sda",
)
RELEASES = {release.version: release for release in (_SIX_TEN, _SEVEN_ZERO, _SEVEN_FOUR)}


def full_version(text: str) -> str:
    """The version of the release that `text` names, in full or as a series (`6.10`); other texts as they are."""
    return next((version for version in RELEASES if f"{version}.".startswith(f"{text}.")), text)
