"""Patching moto: the body of a patch class is written over the moto class that it derives from."""

from __future__ import annotations

from collections.abc import Iterable

_BOOKKEEPING = frozenset({"__module__", "__qualname__", "__doc__", "instances_tracked"})
"""What every class body has: Python's own, and a list that moto's metaclass adds."""


def apply_patch(patch_classes: Iterable[type]) -> None:
    """Write what each class's body defines over its base, so that the objects that moto creates itself have it.

    A body that needs moto's own method reads it from the base at the head of its module; `super()` would not work.
    Two patches of one attribute would silently undo each other, so that is an error.
    """
    done: dict[tuple[type, str], type] = {}
    for patch in patch_classes:
        (base,) = patch.__bases__
        for name, value in vars(patch).items():
            if name in _BOOKKEEPING:
                continue
            earlier = done.setdefault((base, name), patch)
            if earlier is not patch:
                raise TypeError(f"{patch.__name__} and {earlier.__name__} both patch {base.__name__}.{name}")
            setattr(base, name, value)
