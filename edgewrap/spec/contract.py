"""The keys that the contract knows, as a tree made from the models: for advice on unknown keys, and to know which
values the environment may fill in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from edgewrap.spec.formats import FROM_ENVIRONMENT
from edgewrap.spec.models import Spec
from edgewrap.spec.place import KeyPath


@dataclass(frozen=True, slots=True)
class Known:
    """What may stand at one place: `keys` of a section, `item` of a list or of a mapping with free keys."""

    keys: Mapping[str, Known] = field(default_factory=dict)
    item: Known | None = None
    from_environment: bool = False

    def below(self, step: str | int) -> Known | None:
        """What may stand one step further down; None where the contract knows nothing there."""
        return self.keys.get(step, self.item) if isinstance(step, str) else self.item

    def at(self, path: KeyPath) -> Known | None:
        """What may stand at a path from here."""
        known: Known | None = self
        for step in path:
            known = known.below(step) if known else None
        return known

    def paths(self, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """The paths of all keys below, sections and fields, in the contract's order; lists and free keys left out."""
        for key, known in self.keys.items():
            yield (*above, key)
            yield from known.paths((*above, key))


@cache
def contract() -> Known:
    """The whole contract."""
    return _known(Spec, ())


def _known(annotation: Any, metadata: tuple[Any, ...]) -> Known:
    """What an annotation allows, marks on it or inside it included."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return _known(inner, (*metadata, *marks))
    marked = FROM_ENVIRONMENT in metadata
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        return Known({i.alias or name: _known(i.annotation, tuple(i.metadata)) for name, i in fields.items()})
    parts = [part for part in get_args(annotation) if part is not Ellipsis and not isinstance(part, str)]
    if get_origin(annotation) in (tuple, dict):
        return Known(item=_known(parts[-1], ()))
    of_parts = [_known(part, ()) for part in parts]
    return Known(
        {key: known for part in of_parts for key, known in part.keys.items()},
        next((part.item for part in of_parts if part.item), None),
        marked or any(part.from_environment for part in of_parts),
    )


def nearest_key(path: KeyPath) -> str:
    """Advice on an unknown key: the key of that section that is nearest to it, or the section where it belongs."""
    from difflib import get_close_matches

    *above, unknown = path
    section = contract().at(tuple(above))
    here = list(section.keys) if section else []
    if match := get_close_matches(_plain(str(unknown)), [_plain(key) for key in here], n=1):
        return f"did you mean `{next(key for key in here if _plain(key) == match[0])}`?"
    elsewhere = [known for known in contract().paths() if known[-1] == unknown]
    if elsewhere:
        return "it belongs to " + " or ".join(f"`{'.'.join(known)}`" for known in elsewhere)
    return f"known here: {', '.join(here)}" if here else "no key is known here"


def _plain(key: str) -> str:
    """A key without what spellings differ in: `instanceType`, `instance-type`."""
    return key.lower().replace("_", "").replace("-", "")
