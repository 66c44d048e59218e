"""What a call asks of an IPAM driver, and what it gets back. Pure, except for `ask`, which looks up the reply.

A call never waits for a driver itself: it would hold the store's lock. `ask` raises DriverNeeded, which undoes the
call; the driver runs without the lock; then the call is made again, on what the store has by then, and gets the reply.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgewrap.lab.opennebula import ranges, xml
from edgewrap.lab.opennebula.records import AddressRange
from edgewrap.lab.opennebula.template import Template, TemplateError, attribute_xml

if TYPE_CHECKING:
    from edgewrap.lab.opennebula.frontend import FrontEnd

REGISTER, UNREGISTER = "register_address_range", "unregister_address_range"
ALLOCATE, GET, FREE = "allocate_address", "get_address", "free_address"
ACTIONS = (REGISTER, UNREGISTER, ALLOCATE, GET, FREE)
_WITHOUT_DRIVER = ("", "internal", "dummy")
_NO_ADDRESS = "<ADDRESS><MAC/><IP/><IP6_GLOBAL/><IP6_ULA/><IP6/><SIZE/></ADDRESS>"


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a driver. `data` is the XML that it reads. `subject` is the same when the call is made again, even
    if the range has changed since then: the range and the address, or the attributes of a new range."""

    action: str
    driver: str
    network_id: int
    subject: str
    data: str

    @property
    def stdin(self) -> bytes:
        """What the driver reads: one line without its end."""
        return base64.b64encode(self.data.encode())

    def repeats(self, other: Request) -> bool:
        """Whether this is the other request, made again."""
        mine = (self.action, self.driver, self.network_id, self.subject)
        return mine == (other.action, other.driver, other.network_id, other.subject)


@dataclass(frozen=True, slots=True)
class Reply:
    """A driver's output, or the reason why it failed."""

    ok: bool
    text: str = ""


class DriverNeeded(Exception):  # noqa: N818  the call is made again with the reply
    """A call needs a driver's reply."""

    def __init__(self, request: Request) -> None:
        super().__init__(request.action)
        self.request = request


class DriverError(ValueError):
    """A driver's output has no range or no address; the message is the front-end's."""


def ask(one: FrontEnd, request: Request) -> Reply:
    """The driver's reply; without any drivers, a failure. Raises DriverNeeded if the driver has not run yet."""
    if one.ipam is None:
        return Reply(ok=False)
    for index, (asked, reply) in enumerate(one.replies):
        if request.repeats(asked):
            del one.replies[index]
            return reply
    raise DriverNeeded(request)


def driver_of(attributes: dict[str, str]) -> str:
    """The driver of a range with these attributes; empty if the front-end manages its addresses itself."""
    driver = attributes.get("IPAM_MAD", "")
    return "" if driver in _WITHOUT_DRIVER else driver


def register(network_id: int, given: dict[str, str]) -> Request:
    """A new range. It has no id and no MAC yet."""
    text = attribute_xml("AR", dict(sorted(given.items())))
    return Request(REGISTER, driver_of(given), network_id, text, _data(text, _NO_ADDRESS))


def unregister(network_id: int, found: AddressRange, *, cursor: bool, with_network: bool) -> Request:
    """A range that is removed; `with_network`: its network is deleted, and the range has no ends."""
    text = ranges.render(found, full=False, cursor=cursor) if with_network else _with_ends(found, cursor)
    return Request(UNREGISTER, driver_of(found.attributes), network_id, f"range {found.id}", _data(text, _NO_ADDRESS))


def allocate(network_id: int, found: AddressRange, index: int, size: int, *, cursor: bool) -> Request:
    """The address at an index, or `size` consecutive ones."""
    return _of_address(ALLOCATE, network_id, found, index, size, cursor)


def free(network_id: int, found: AddressRange, index: int, *, cursor: bool) -> Request:
    """The address at an index is no longer used."""
    return _of_address(FREE, network_id, found, index, 1, cursor)


def get(network_id: int, found: AddressRange, size: int, *, cursor: bool) -> Request:
    """Any free address, or `size` consecutive ones."""
    data = _data(_with_ends(found, cursor), f"<ADDRESS>{xml.plain('SIZE', size)}</ADDRESS>")
    return Request(GET, driver_of(found.attributes), network_id, f"range {found.id} size {size}", data)


def range_in(output: str) -> dict[str, str]:
    """The range that a register answered: it replaces the requested one. Raises DriverError."""
    return _vector(output, "AR")


def address_in(output: str) -> str:
    """The address that a get answered. Raises DriverError."""
    return _vector(output, "ADDRESS").get("IP", "")


def _vector(output: str, name: str) -> dict[str, str]:
    try:
        found = Template.parse(output).vectors(name) if output.strip() else ()
    except TemplateError as error:
        raise DriverError(str(error)) from error
    if not found:
        raise DriverError(f"{name} not found in IPAM driver response")
    return found[0]


def _of_address(action: str, network_id: int, found: AddressRange, index: int, size: int, cursor: bool) -> Request:
    ip = ranges.ip_at(found, index)
    address = (
        f"<ADDRESS>{xml.plain('MAC', ranges.mac_at(found, index))}{xml.plain('IP', ip) if ip else ''}"
        f"{xml.plain('SIZE', size)}</ADDRESS>"
    )
    subject = f"range {found.id} index {index} size {size}"
    return Request(action, driver_of(found.attributes), network_id, subject, _data(_with_ends(found, cursor), address))


def _with_ends(found: AddressRange, cursor: bool) -> str:
    return f"{ranges.render_ends(found, cursor=cursor)}</AR>"


def _data(range_xml: str, address_xml: str) -> str:
    return f"<IPAM_DRIVER_ACTION_DATA>{range_xml}{address_xml}</IPAM_DRIVER_ACTION_DATA>"
