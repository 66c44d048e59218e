"""Tags are looked up by the id: stock moto tries a pattern on every tag of the account for every resource."""

from __future__ import annotations

from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix


class TagsById(TaggedEC2Resource):
    def get_tags(self) -> list[dict[str, str]]:
        resource_id = str(self.id or "")  # type: ignore[attr-defined] # every resource has one
        tags: dict[str, str] = self.ec2_backend.tags.get(resource_id, {})  # type: ignore[attr-defined] # and this
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource_id), "") if tags else ""
        return [
            {"resource_id": resource_id, "key": key, "value": value, "resource_type": kind}
            for key, value in tags.items()
        ]
