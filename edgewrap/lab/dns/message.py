"""DNS messages (RFC 1035), as far as a lookup of an IPv4 address needs them. Pure."""

from __future__ import annotations

import socket
import struct

from edgewrap.lab.dns.names import Names

_HEADER = struct.Struct("!6H")
_RESPONSE, _RECURSION_DESIRED = 0x8480, 0x0100  # an authoritative response, which recurses
_NO_SUCH_NAME = 3
_IPV4, _INTERNET = 1, 1
_TTL_S = 60
_TO_THE_QUESTION = 0xC00C  # the name is the one at byte 12


def answer(query: bytes, names: Names) -> bytes | None:
    """The response to a query; None to what is no query of one name."""
    try:
        number, flags, questions, *_ = _HEADER.unpack_from(query)
        labels, place = [], _HEADER.size
        while length := query[place]:
            labels.append(query[place + 1 : place + 1 + length].decode("ascii").lower())
            place += 1 + length
        kind, network = struct.unpack_from("!2H", query, place + 1)
    except (struct.error, IndexError, UnicodeDecodeError):
        return None
    if questions != 1 or flags & _RESPONSE & 0x8000:
        return None
    address = names.get(".".join(labels))
    found = address is not None and (kind, network) == (_IPV4, _INTERNET)
    result = _RESPONSE | flags & _RECURSION_DESIRED | (_NO_SUCH_NAME if address is None else 0)
    response = _HEADER.pack(number, result, 1, int(found), 0, 0) + query[_HEADER.size : place + 5]
    if address is not None and found:
        response += struct.pack("!3HIH", _TO_THE_QUESTION, _IPV4, _INTERNET, _TTL_S, 4) + socket.inet_aton(address)
    return response
