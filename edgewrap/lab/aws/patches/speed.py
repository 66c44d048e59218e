"""Faster look-ups than stock moto's, which repeats them for each call."""

from __future__ import annotations

import functools
from typing import Any

from moto.core import responses
from moto.core.utils import method_names_from_class
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

_backend_for_host = DomainDispatcherApplication.get_backend_for_host


def remember_actions() -> None:
    """Look up the methods of a response class only once."""
    vars(responses)["method_names_from_class"] = functools.cache(method_names_from_class)


class RememberedBackends(DomainDispatcherApplication):
    """Remember the backends: moto lists its own directories to find the backend of a call."""

    def get_backend_for_host(self, host: str | None) -> Any:
        known = self.__dict__.setdefault("backends_by_host", {})
        if host not in known:
            known[host] = _backend_for_host(self, host)
        return known[host]


class TagsById(TaggedEC2Resource):
    """Find tags by resource id: moto matches a pattern with every tag of the account, for every resource."""

    def get_tags(self) -> list[dict[str, str]]:
        resource_id = str(self.id or "")  # type: ignore[attr-defined] # every resource has one
        tags: dict[str, str] = self.ec2_backend.tags.get(resource_id, {})  # type: ignore[attr-defined] # and this
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource_id), "") if tags else ""
        return [
            {"resource_id": resource_id, "key": key, "value": value, "resource_type": kind}
            for key, value in tags.items()
        ]
