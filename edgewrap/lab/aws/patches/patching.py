"""How a mend gets into moto: the body of a class of ours is written over the moto class that it derives from."""

from __future__ import annotations

from collections.abc import Iterable

_BOOKKEEPING = frozenset({"__module__", "__qualname__", "__doc__", "instances_tracked"})
"""What every class body has: Python's own, and a list that moto's metaclass adds."""


def apply_patch(mended_classes: Iterable[type]) -> None:
    """Writes over each class's base what its body defines, so that the objects that moto makes itself have it.

    A body that needs moto's own method takes it from the base at the head of its module; `super()` would not do.
    Two mends of one attribute would silently undo each other, so that is an error.
    """
    done: dict[tuple[type, str], type] = {}
    for mended in mended_classes:
        (base,) = mended.__bases__
        for name, value in vars(mended).items():
            if name in _BOOKKEEPING:
                continue
            earlier = done.setdefault((base, name), mended)
            if earlier is not mended:
                raise TypeError(f"{mended.__name__} and {earlier.__name__} both mend {base.__name__}.{name}")
            setattr(base, name, value)
