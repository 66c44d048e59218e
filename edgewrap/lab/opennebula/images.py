"""Images, as far as a datastore that holds one matters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from edgewrap.lab.opennebula import datastores, xml
from edgewrap.lab.opennebula.auth import require_create
from edgewrap.lab.opennebula.calls import Calls, Code, Refusal
from edgewrap.lab.opennebula.common import Kind, common_calls, owner_xml, parse, pool_calls
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.locks import lock_calls
from edgewrap.lab.opennebula.records import Datastore, Image, User

_READY = 1
_TYPES = ("OS", "CDROM", "DATABLOCK", "KERNEL", "RAMDISK", "CONTEXT")
_SNAPSHOTS = (
    "<SNAPSHOTS>"
    + xml.cdata("ALLOW_ORPHANS", "NO")
    + xml.cdata("CURRENT_BASE", "-1")
    + xml.cdata("NEXT_SNAPSHOT", "0")
    + "</SNAPSHOTS>"
)


def render(one: FrontEnd, images: Sequence[Image], _full: bool) -> list[str]:
    """Images as XML."""
    return [_image_xml(one, image) for image in images]


def _image_xml(one: FrontEnd, image: Image) -> str:
    datastore = one.store.get(Datastore, image.datastore_id)
    return (
        f"<IMAGE>{owner_xml(one, image)}{xml.permissions(image.permissions)}<TYPE>{image.type}</TYPE>"
        f"<DISK_TYPE>0</DISK_TYPE><PERSISTENT>{int(image.persistent)}</PERSISTENT>"
        f"<REGTIME>{image.registered}</REGTIME>"
        f"{f'<MODTIME>{image.registered}</MODTIME>' if one.release.image_times else ''}"
        f"{xml.cdata('SOURCE', image.source)}{xml.cdata('PATH', image.path)}{xml.cdata('FORMAT', image.format)}"
        f"{xml.cdata('FS', image.fs)}<SIZE>{image.size}</SIZE><STATE>{image.state}</STATE>"
        f"<PREV_STATE>{image.state}</PREV_STATE><RUNNING_VMS>0</RUNNING_VMS><CLONING_OPS>0</CLONING_OPS>"
        f"<CLONING_ID>-1</CLONING_ID><TARGET_SNAPSHOT>-1</TARGET_SNAPSHOT>"
        f"<DATASTORE_ID>{image.datastore_id}</DATASTORE_ID>"
        f"{xml.plain('DATASTORE', datastore.name if datastore else '')}"
        f"<VMS></VMS><CLONES></CLONES><APP_CLONES></APP_CLONES>{image.template.xml()}{_SNAPSHOTS}"
        f"<BACKUP_INCREMENTS></BACKUP_INCREMENTS><BACKUP_DISK_IDS></BACKUP_DISK_IDS></IMAGE>"
    )


KIND = Kind(Image, "image", "image", "IMAGE", "IMAGE_POOL", render)
calls = Calls(common_calls(KIND) | pool_calls(KIND, "imagepool", filtered=True) | lock_calls(KIND))


@calls.method("one.image.allocate")
def allocate(one: FrontEnd, user: User, text: str, datastore_id: int) -> int:
    """A new image, LOCKED until its file is created."""
    require_create(user, "IMAGE")
    template = parse(text)
    datastore = datastores.KIND.owned(one, user, datastore_id, "USE")
    name = KIND.check_name(one, template.get("NAME"), user.id)
    kind = template.get("TYPE", "OS").upper()
    if kind not in _TYPES:
        raise Refusal(Code.INTERNAL, f'Unknown TYPE "{kind}" in template')
    size, path = template.get("SIZE"), template.get("PATH")
    if not path and not size.isdecimal():
        raise Refusal(Code.INTERNAL, "SIZE attribute is mandatory for DATABLOCK." if size else "No PATH in template.")
    number = one.store.next_id(Image)
    on_dummy = datastore.template.get("DS_MAD") == "dummy"
    unique = hashlib.md5(f"{number} {name}".encode(), usedforsecurity=False).hexdigest()
    taken = ("NAME", "TYPE", "SIZE", "PATH", "PERSISTENT", "FORMAT", "FS")
    image = Image(
        id=number,
        name=name,
        uid=user.id,
        gid=user.gid,
        template=template.without(*taken).with_({"DEV_PREFIX": template.get("DEV_PREFIX", "sd")}),
        datastore_id=datastore_id,
        type=_TYPES.index(kind),
        size=int(size) if size.isdecimal() else 0,
        source="dummy_path" if on_dummy else f"{datastores.base_path(datastore)}/{unique}",
        path=path,
        format=template.get("FORMAT", "raw"),
        fs=template.get("FS"),
        persistent=template.get("PERSISTENT").upper() == "YES",
        registered=one.now,
        due=one.soon(),
    )
    return one.store.put(image).id


@calls.method("one.image.delete")
def delete(one: FrontEnd, user: User, number: int) -> int:
    """Delete an image."""
    one.store.drop(KIND.owned(one, user, number, "MANAGE"))
    return number


def advance(one: FrontEnd) -> None:
    """Images whose files are created are READY."""
    for image in one.store.all(Image):
        if one.passed(image.due):
            one.store.put(image.model_copy(update={"state": _READY, "due": 0.0}))
