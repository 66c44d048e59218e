"""What the front-end sends to an IPAM driver, and what it expects back."""

from __future__ import annotations

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Mapping
from xml.etree import ElementTree

from edgewrap.errors import IpamError
from edgewrap.ipam.quick import MOST_BYTES

_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
ROOT = "IPAM_DRIVER_ACTION_DATA"


def read_range(raw: bytes) -> dict[str, str]:
    """The attributes of the range in a request: base64 of `<IPAM_DRIVER_ACTION_DATA><AR>…</AR>…`. Empty ones are left
    out. Raises IpamError if it is anything else."""
    try:
        if len(raw) >= MOST_BYTES:
            raise ValueError(f"it has {MOST_BYTES} bytes or more")
        document = a2b_base64(raw).decode()
        if "<!" in document.replace("<![CDATA[", ""):  # a document type could name entities
            raise ValueError("it has a document type")
        root = ElementTree.fromstring(document)  # noqa: S314 - without a document type there are no entities
        found = root.find("AR")
        if root.tag != ROOT or found is None:
            raise ValueError(f"it is not {ROOT} with an AR")
    except (NotBase64, ValueError, ElementTree.ParseError) as error:
        raise IpamError(
            "the request cannot be read",
            cause=str(error),
            advice="only OpenNebula calls the driver; `edgewrap ipam install --check` checks the set-up",
        ) from None
    return {attribute.tag: attribute.text for attribute in found if attribute.text}


def require_plain(attributes: Mapping[str, str]) -> None:
    """Raises IpamError if an attribute could end its own quotes in the answer, and so name another one."""
    for name, value in attributes.items():
        if not _NAME.fullmatch(name) or not value.isprintable() or set(value) & set('"\\'):
            raise IpamError(
                f"the attribute {name} of the range has a character that is not possible there",
                cause="quotes, backslashes and line breaks could change the other attributes",
                advice="leave it out, or write it without them",
            )


def range_text(attributes: Mapping[str, str]) -> str:
    """A range as register answers it: it replaces the whole range, so an attribute that is not in it is lost."""
    require_plain(attributes)
    listed = ", ".join(f'{name} = "{value}"' for name, value in sorted(attributes.items()))
    return f"AR = [ {listed} ]\n"
