"""What the front-end sends to an IPAM driver, and what it expects back."""

from __future__ import annotations

from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Mapping
from xml.etree import ElementTree

from edgewrap.errors import IpamError
from edgewrap.ipam.quick import MOST_BYTES

ROOT = "IPAM_DRIVER_ACTION_DATA"


def read_range(raw: bytes) -> dict[str, str]:
    """The attributes of the range in a request: base64 of `<IPAM_DRIVER_ACTION_DATA><AR>…</AR>…`. Empty ones are left
    out. Raises IpamError if it is anything else."""
    try:
        if len(raw) >= MOST_BYTES:
            raise ValueError(f"it has {MOST_BYTES} bytes or more")
        document = a2b_base64(raw)
        if b"<!" in document.replace(b"<![CDATA[", b""):  # a document type could name entities
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


def range_text(attributes: Mapping[str, str]) -> str:
    """A range as register answers it: it replaces the whole range, so an attribute that is not in it is lost."""
    listed = ", ".join(f'{name} = "{_quoted(value)}"' for name, value in sorted(attributes.items()))
    return f"AR = [ {listed} ]\n"


def _quoted(value: str) -> str:
    """In OpenNebula's templates a backslash makes a quote part of the value; it has no other meaning."""
    return value.replace('"', '\\"')
