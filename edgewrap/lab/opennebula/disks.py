"""Disks of VMs, as far as clusters matter: which image, in which datastore, in which clusters. No disk is created.

The refusals follow VirtualMachine.cc (check_and_set_cluster_id, alike in 6.10, 7.0 and 7.4): the image's datastore and
the networks of a VM must have a cluster in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgewrap.lab.opennebula import images
from edgewrap.lab.opennebula.auth import require
from edgewrap.lab.opennebula.calls import Code, Refusal
from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import Datastore, Image, User

Vector = dict[str, str]


def disks(one: FrontEnd, user: User, wanted: Sequence[Vector]) -> list[Vector]:
    """The attributes of each disk: the requested ones, and those of its image. Raises Refusal."""
    return [_disk(one, user, index, given) for index, given in enumerate(wanted)]


def common_clusters(disks: Sequence[Vector], nics: Sequence[Vector]) -> list[str]:
    """The clusters that all disks and NICs are in; none without any. Raises Refusal."""
    common: set[int] = set()
    for part, holder, index, given in _parts(disks, nics):
        found = {int(number) for number in given["CLUSTER_ID"].split(",") if number}
        if not found:
            raise Refusal(Code.INTERNAL, f"Missing clusters. {holder} for {part} {index} is not in any cluster")
        if common and not common & found:
            listed = ",".join(str(number) for number in sorted(common))
            raise Refusal(
                Code.INTERNAL,
                f"Incompatible clusters in {part}. {holder} for {part} {index} is not in the same cluster as the one "
                f"used by other VM elements (cluster {listed})",
            )
        common = common & found if common else found
    return [str(number) for number in sorted(common)]


def _parts(disks: Sequence[Vector], nics: Sequence[Vector]) -> Iterator[tuple[str, str, int, Vector]]:
    yield from (("DISK", "Datastore", index, disk) for index, disk in enumerate(disks))
    yield from (("NIC", "Network", index, nic) for index, nic in enumerate(nics))


def _disk(one: FrontEnd, user: User, index: int, wanted: Vector) -> Vector:
    image = _image(one, user, wanted)
    datastore = one.store.get(Datastore, image.datastore_id)
    clusters = datastore.clusters if datastore is not None else ()
    return wanted | {
        "CLUSTER_ID": ",".join(str(number) for number in clusters),
        "DATASTORE": datastore.name if datastore is not None else "",
        "DATASTORE_ID": str(image.datastore_id),
        "DISK_ID": str(index),
        "IMAGE": image.name,
        "IMAGE_ID": str(image.id),
        "SIZE": str(image.size),
        "SOURCE": image.source,
        "TM_MAD": datastore.template.get("TM_MAD") if datastore is not None else "",
    }


def _image(one: FrontEnd, user: User, wanted: Vector) -> Image:
    number, name = wanted.get("IMAGE_ID", ""), wanted.get("IMAGE", "")
    if number.isdecimal():
        return images.KIND.owned(one, user, int(number), "USE")
    image = images.KIND.named(one, name, user.id) if name else None
    if image is None:
        raise Refusal(Code.INTERNAL, "The lab's front-end knows no other disks than images: name one by IMAGE_ID.")
    require(user, "USE", "IMAGE", image)
    return image
