"""How the front-end writes XML: no spaces between elements, template values in CDATA, the rest plain."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

PERMISSIONS = ("OWNER_U", "OWNER_M", "OWNER_A", "GROUP_U", "GROUP_M", "GROUP_A", "OTHER_U", "OTHER_M", "OTHER_A")


def plain(tag: str, value: object) -> str:
    """`<TAG>value</TAG>`."""
    return f"<{tag}>{escape(str(value))}</{tag}>"


def cdata(tag: str, text: str) -> str:
    """`<TAG><![CDATA[text]]></TAG>`; a text that holds the end mark itself is split into two sections."""
    if "]]>" in text:
        text = text.replace("]]>", "]]]]><![CDATA[>")
    return f"<{tag}><![CDATA[{text}]]></{tag}>"


def cdata_or_empty(tag: str, text: str) -> str:
    """The element, or `<TAG/>` for an empty text."""
    return cdata(tag, text) if text else f"<{tag}/>"


def ids(tag: str, numbers: Iterable[int]) -> str:
    """A list of object ids, in ascending order."""
    return f"<{tag}>{''.join(f'<ID>{number}</ID>' for number in sorted(numbers))}</{tag}>"


def permissions(bits: str) -> str:
    """Nine bits, `110100000`: use, manage and admin of the owner, the group and the others."""
    return f"<PERMISSIONS>{''.join(plain(tag, bit) for tag, bit in zip(PERMISSIONS, bits, strict=True))}</PERMISSIONS>"
