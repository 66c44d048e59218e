"""Datastores. The front-end does not protect system datastores or 0, 1 and 2 from deletion, nor does this one."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from functools import cache

from edgewrap.lab.opennebula import xml
from edgewrap.lab.opennebula.auth import require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, common_calls, existing_cluster, owner_xml, parse, pool_calls
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import DEFAULT_CLUSTER, Datastore, Image, User
from edgewrap.lab.opennebula.release import Release
from edgewrap.lab.opennebula.system import drivers
from edgewrap.lab.opennebula.template import Template

FIRST_ID = 100
_PERMISSIONS = "110100000"
_TYPES = {"IMAGE_DS": 0, "SYSTEM_DS": 1, "FILE_DS": 2}
# How a transfer manager clones images and whether it keeps orphaned snapshots: `ssh` and `local` as recorded.
_TRANSFERS = {
    "local": {"ALLOW_ORPHANS": "FORMAT", "CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM", "SHARED": "NO"},
    "ssh": {"ALLOW_ORPHANS": "YES", "CLONE_TARGET": "SYSTEM", "LN_TARGET": "SYSTEM", "SHARED": "NO"},
}
# Attributes of system datastores only, and of the others only.
_BY_TYPE = ("CLONE_TARGET", "LN_TARGET", "SHARED", "DS_MIGRATE", "DS_LIVE_MIGRATE", "DS_MIGRATE_SNAP")
_OTHER_TRANSFER = {"ALLOW_ORPHANS": "NO", "CLONE_TARGET": "SYSTEM", "LN_TARGET": "NONE", "SHARED": "YES"}


def render(one: FrontEnd, datastores: Sequence[Datastore], _full: bool) -> list[str]:
    """Datastores as XML."""
    images: defaultdict[int, list[int]] = defaultdict(list)
    for image in one.store.all(Image):
        images[image.datastore_id].append(image.id)
    return [_datastore_xml(one, datastore, images[datastore.id]) for datastore in datastores]


def _datastore_xml(one: FrontEnd, datastore: Datastore, images: Sequence[int]) -> str:
    template = datastore.template
    total, free, used = _disk_mib() if template.get("TYPE") != "SYSTEM_DS" else (0, 0, 0)
    return (
        f"<DATASTORE>{owner_xml(one, datastore)}{xml.permissions(datastore.permissions)}"
        f"{xml.cdata('DS_MAD', template.get('DS_MAD', '-'))}{xml.cdata('TM_MAD', template.get('TM_MAD'))}"
        f"{xml.cdata('BASE_PATH', base_path(datastore))}<TYPE>{_TYPES[template.get('TYPE')]}</TYPE>"
        f"<DISK_TYPE>0</DISK_TYPE><STATE>0</STATE>{xml.ids('CLUSTERS', datastore.clusters)}"
        f"<TOTAL_MB>{total}</TOTAL_MB><FREE_MB>{free}</FREE_MB><USED_MB>{used}</USED_MB>"
        f"{xml.ids('IMAGES', images)}{template.xml()}</DATASTORE>"
    )


@cache
def _disk_mib() -> tuple[int, int, int]:
    usage = shutil.disk_usage("/")
    return usage.total >> 20, usage.free >> 20, usage.used >> 20


def base_path(datastore: Datastore) -> str:
    """Where its files are, as on an installed front-end."""
    return f"/var/lib/one//datastores/{datastore.id}"


def _reshape(one: FrontEnd, datastore: Datastore) -> Datastore:
    """After an update: attributes that the template no longer has keep their values, and those derived from the drivers
    are derived again."""
    old = one.store.get(Datastore, datastore.id)
    template = datastore.template
    if old is not None:
        kept = {
            name: old.template.get(name)
            for name in ("TYPE", "TM_MAD", "DS_MAD")
            if old.template.has(name) and not template.has(name)
        }
        template = template.with_(kept)
    return datastore.model_copy(update={"template": _completed(one.release, template)})


def _check_drivers(template: Template) -> None:
    """Refuse a new datastore without drivers; an update may leave them out."""
    if not template.get("TM_MAD"):
        raise Refusal(Code.INTERNAL, "No TM_MAD in template.")
    if not template.get("DS_MAD") and template.get("TYPE") != "SYSTEM_DS":
        raise Refusal(Code.INTERNAL, "No DS_MAD in template.")


def _completed(release: Release, template: Template) -> Template:
    """The template with the attributes that the front-end adds for the datastore's type and drivers. Raises Refusal."""
    kind, transfer, source = (template.get(name) for name in ("TYPE", "TM_MAD", "DS_MAD"))
    if kind not in _TYPES:
        raise Refusal(Code.INTERNAL, "Unknown datastore type" if kind else "No TYPE in template.")
    if transfer not in drivers(release).transfer:
        raise Refusal(Code.INTERNAL, f'TM_MAD named "{transfer}" is not defined in oned.conf')
    if kind != "SYSTEM_DS" and source and source not in drivers(release).datastore:
        raise Refusal(Code.INTERNAL, f'DS_MAD named "{source}" is not defined in oned.conf')
    template = template.without(*_BY_TYPE)
    told = _TRANSFERS.get(transfer, _OTHER_TRANSFER)
    added = {"ALLOW_ORPHANS": told["ALLOW_ORPHANS"]}
    if release.persistent_snapshots:
        added["PERSISTENT_SNAPSHOTS"] = "YES"
    if kind == "SYSTEM_DS":
        template = template.without("DS_MAD")
        added |= {"SHARED": told["SHARED"], "DS_MIGRATE": "YES"}
        if release.live_migration_flags:
            added |= {"DS_LIVE_MIGRATE": "YES", "DS_MIGRATE_SNAP": "YES"}
    else:
        added |= {"CLONE_TARGET": told["CLONE_TARGET"], "LN_TARGET": told["LN_TARGET"]}
    if kind != "FILE_DS":
        added["DISK_TYPE"] = template.get("DISK_TYPE", "FILE")
    if not template.has("SAFE_DIRS") and not template.has("RESTRICTED_DIRS"):
        added |= {"SAFE_DIRS": "/var/tmp", "RESTRICTED_DIRS": "/"}  # noqa: S108  a value that the front-end shows
    return template.with_(added)


KIND = Kind(Datastore, "datastore", "datastore", "DATASTORE", "DATASTORE_POOL", render, _reshape)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "datastorepool", filtered=False))


@calls.method("one.datastore.allocate")
def allocate(one: FrontEnd, user: User, text: str, cluster_id: int = -1) -> int:
    """A new datastore."""
    require_create(user, "DATASTORE")
    cluster_id = existing_cluster(one, cluster_id)
    template = parse(text)
    name = KIND.check_name(one, template.get("NAME"))
    _check_drivers(template)
    template = _completed(one.release, template.without("NAME"))
    number = one.store.next_id(Datastore, FIRST_ID)
    return one.store.put(_made(number, name, template, cluster_id, user.id, user.gid)).id


@calls.method("one.datastore.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete a datastore without images."""
    datastore = KIND.owned(one, user, number, "MANAGE")
    if any(image.datastore_id == number for image in one.store.all(Image)):
        raise Refusal(Code.ACTION, f"Cannot delete datastore. Datastore {number} is not empty.")
    one.store.drop(datastore)
    return number


def _made(number: int, name: str, template: Template, cluster_id: int, uid: int, gid: int) -> Datastore:
    return Datastore(
        id=number,
        name=name,
        template=template,
        uid=uid,
        gid=gid,
        permissions=_PERMISSIONS,
        clusters=(cluster_id,),
    )


def bootstrap(one: FrontEnd) -> None:
    """The three datastores that every new front-end has."""
    transfer = "local" if one.release.local_datastores else "ssh"
    for number, name, kind, source in (
        (0, "system", "SYSTEM_DS", ""),
        (1, "default", "IMAGE_DS", "fs"),
        (2, "files", "FILE_DS", "fs"),
    ):
        given = [("TYPE", kind), ("TM_MAD", transfer), *([("DS_MAD", source)] if source else [])]
        template = _completed(one.release, Template.of(given))
        one.store.put(_made(number, name, template, DEFAULT_CLUSTER, 0, 0))
