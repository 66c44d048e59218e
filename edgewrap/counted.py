"""A count and what is counted, for messages: `1 host`, `2 hosts`."""

from __future__ import annotations

import re

_ENDINGS = ((r"(?<!s)s$", "s"), (r"(ss|x|ch|sh)$", r"\1es"), (r"(?<![aeiou])y$", "ies"), (r"$", "s"))
"""The ends of words and of their plurals; the first that fits counts. A word such as `nftables` is its own plural."""


def counted(count: int, thing: str) -> str:
    """`1 file`, `18 files`; also of a word with others before it: `2 interface groups`."""
    return f"{count} {thing if count == 1 else plural(thing)}"


def plural(thing: str) -> str:
    """The plural of a word."""
    return next(re.sub(end, several, thing, count=1) for end, several in _ENDINGS if re.search(end, thing))
