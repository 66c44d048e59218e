"""The image datastore: images are files on the front-end, copied to the hosts over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgewrap.opennebula.kinds.base import MARK_ATTRIBUTE
from edgewrap.opennebula.kinds.datastore import Datastore
from edgewrap.opennebula.kinds.object_kind import Desired, DiffContext
from edgewrap.opennebula.kinds.template import Template

if TYPE_CHECKING:
    from edgewrap.opennebula.facts import OwnedObjects

SAFE_DIRS = "/var/tmp /tmp"  # noqa: S108  the front-end may take image files from here, as with OneProvision


class ImageDatastore(Datastore):
    """The image datastore."""

    key = "image-datastore"

    def desired_object(self, context: DiffContext) -> Desired:
        attributes: Template = {
            "TYPE": "IMAGE_DS",
            "DS_MAD": "fs",
            "TM_MAD": "ssh",
            "SAFE_DIRS": SAFE_DIRS,
            MARK_ATTRIBUTE: context.identity.mark(self.key).attributes(),
        }
        return Desired(self.key, f"{context.identity.cluster}-image", attributes)

    def contents(self, ours: OwnedObjects) -> list[str]:
        existing = ours.one(self)
        if existing is None or not existing.images:
            return []
        return [f"the datastore {existing.name} has the images {', '.join(str(image) for image in existing.images)}"]


IMAGE_DATASTORE = ImageDatastore()
