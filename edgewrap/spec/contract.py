"""The contract as JSON Schema, for editors; and the keys that it knows, as a tree read from that: for advice on unknown
keys, for which values the environment may fill in, for what a change of a field does, and for `docs/spec.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from edgewrap.spec.formats import ENVIRONMENT
from edgewrap.spec.models import Spec
from edgewrap.spec.on_change import SCHEMA_KEY, Effect, OnChange
from edgewrap.spec.place import KeyPath

MAJOR = 1
"""The version of the published schemas."""


def schema_id(name: str) -> str:
    """The `$id` of a published schema. It is a name: nothing can be fetched there."""
    return f"urn:edgewrap:schema:{name}:v{MAJOR}"


class PlainJsonSchema(GenerateJsonSchema):
    """Without the titles that pydantic makes of field names: they repeat the key and hide the description."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own signature
        return False


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec file, always in the same order."""
    schema = Spec.model_json_schema(by_alias=True, schema_generator=PlainJsonSchema)
    return {"$schema": PlainJsonSchema.schema_dialect, "$id": schema_id("spec"), **schema}


@dataclass(frozen=True, slots=True)
class Known:
    """What may be written in one place: `keys` of a section, `item` of a list or of a mapping with free keys. `schema`
    is the JSON Schema of the place itself, `about` the text of the section that it refers to."""

    schema: Mapping[str, Any]
    about: str = ""
    keys: Mapping[str, Known] = field(default_factory=dict)
    item: Known | None = None
    parts: tuple[Known, ...] = ()

    @property
    def is_section(self) -> bool:
        """Whether it is a section, rather than a field with a value."""
        return "properties" in self.schema

    @property
    def from_environment(self) -> bool:
        """Whether `${env:NAME}` may fill the text in."""
        return bool(self.schema.get(ENVIRONMENT)) or any(part.from_environment for part in self.parts)

    @property
    def is_secret(self) -> bool:
        """Whether the value must never be shown."""
        return bool(self.schema.get("writeOnly")) or any(part.is_secret for part in self.parts)

    @property
    def on_change(self) -> OnChange | None:
        """What a change does; None for a section."""
        effect, _, detail = self.schema.get(SCHEMA_KEY, "").partition(": ")
        return OnChange(Effect(effect), detail) if effect else None

    def at(self, path: KeyPath) -> Known | None:
        """What may be written at a path from here; None if the contract knows nothing there."""
        known: Known | None = self
        for step in path:
            known = known and (known.keys.get(step, known.item) if isinstance(step, str) else known.item)
        return known

    def paths(self, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """The paths of all keys below, sections and fields, in the contract's order; lists and free keys left out."""
        for key, known in self.keys.items():
            yield (*above, key)
            yield from known.paths((*above, key))

    def fields(self, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Known]]:
        """All fields below with their paths, those of a list's items too (`[]` in place of the position)."""
        for key, known in self.keys.items():
            path = (*above, key)
            if not known.is_section:
                yield path, known
            yield from known.fields(path)
            if known.item:
                yield from known.item.fields((*path, "[]"))


@cache
def contract() -> Known:
    """The whole contract."""
    schema = json_schema()
    return _known(schema, schema["$defs"])


def _known(schema: Mapping[str, Any], sections: Mapping[str, Any]) -> Known:
    """What a schema allows, its references and its alternatives followed."""
    reference = schema.get("$ref")
    section = sections[reference.rpartition("/")[2]] if reference else {}
    whole = {**section, **schema}
    parts = tuple(_known(part, sections) for part in (*whole.get("anyOf", ()), *whole.get("oneOf", ())))
    items = [whole.get("items"), whole.get("additionalProperties"), *whole.get("patternProperties", {}).values()]
    found = [_known(item, sections) for item in items if isinstance(item, Mapping)]
    return Known(
        whole,
        section.get("description", ""),
        {
            **{key: known for part in parts for key, known in part.keys.items()},
            **{key: _known(inner, sections) for key, inner in whole.get("properties", {}).items()},
        },
        next(iter([*found, *(part.item for part in parts if part.item)]), None),
        parts,
    )


_CREDENTIAL = r"accesskey|privatekey|apikey|secret|token|passw|passphrase|credential|oneauth"
_INSTEAD = {
    "aws": "AWS's own chain finds them (profile, role, SSO, OIDC)",
    "opennebula": "ONE_AUTH or ~/.one/one_auth has them",
    "ssh": "the SSH agent or ~/.ssh has the key",
    "evpn": "write ${env:NAME}, which is filled in when a run begins",
}


_IN_RULES = (
    (r"icmp|type|code", "`protocol: icmp` allows every type and code; edgewrap has no rules for single ones"),
    (r"v6", "the VPC has no IPv6: remove the line"),
    (r"prefixlist", "write the networks of the prefix list in `cidrs`"),
    (r"group", "write the addresses of the security group's members in `cidrs`"),
    (r"(from|to|min|max)port", "write `ports: LOW-HIGH`"),
)
"""Keys that a security group rule of AWS has, and one of a spec does not, and what to write instead."""


def nearest_key(path: KeyPath) -> str:
    """Advice on an unknown key: the closest key of that section, or the section where it belongs."""
    from difflib import get_close_matches

    *above, unknown = path
    section = contract().at(tuple(above))
    here = list(section.keys) if section else []
    plain = _plain(str(unknown))
    if above[:2] == ["public_network", "security_group"] and len(above) > 2:
        for pattern, advice in _IN_RULES:
            if re.search(pattern, plain):
                return advice
    if match := get_close_matches(plain, [_plain(key) for key in here], n=1):
        return f"did you mean `{next(key for key in here if _plain(key) == match[0])}`?"
    if re.search(_CREDENTIAL, plain):
        return f"credentials are never in a spec: {credentials_from(path)}"
    elsewhere = [known for known in contract().paths() if known[-1] == unknown]
    if elsewhere:
        return "it belongs to " + " or ".join(f"`{'.'.join(known)}`" for known in elsewhere)
    return f"known here: {', '.join(here)}" if here else "no key is known here"


def credentials_from(path: KeyPath) -> str:
    """Where the credentials of a section come from instead."""
    return _INSTEAD.get(str(path[0]), "AWS's own chain, ONE_AUTH and the SSH agent have them")


def _plain(key: str) -> str:
    """A key without what spellings differ in: `instanceType`, `instance-type`."""
    return key.lower().replace("_", "").replace("-", "")
