"""The name servers: one where the tool and the front-end are, and one in each VPC's router."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from edgewrap.lab import kernel
from edgewrap.lab.cloud import Cloud
from edgewrap.lab.dns.message import answer
from edgewrap.lab.dns.names import Names, names_inside, names_outside

PORT = 53
_LARGEST = 4096  # bytes of a query


class NameServers:
    """The servers. They serve the snapshot last passed to `follow`."""

    def __init__(self) -> None:
        self._cloud: Cloud | None = None
        self._sockets: dict[str, socket.socket] = {}

    def follow(self, cloud: Cloud) -> None:
        """Serve a new snapshot of AWS from now on."""
        self._cloud = cloud

    def open_outside(self, address: str) -> None:
        """Listen at an address of this process's own network namespace."""
        self._serve("", _bound(address), names_outside)

    def open_inside(self, vpc_id: str, address: str) -> None:
        """Listen in the router of a VPC, whose namespace has the address."""
        opened: list[socket.socket] = []
        kernel.inside(vpc_id, lambda: opened.append(_bound(address)))
        self._serve(vpc_id, opened[0], lambda cloud: names_inside(cloud, vpc_id))

    def close(self, vpc_id: str) -> None:
        """End the server of a VPC that is being removed."""
        if server := self._sockets.pop(vpc_id, None):
            with contextlib.suppress(OSError):  # it is not connected; this wakes its thread all the same
                server.shutdown(socket.SHUT_RD)
            server.close()

    def _serve(self, place: str, server: socket.socket, names: Callable[[Cloud], Names]) -> None:
        def work() -> None:
            while place in self._sockets:
                try:
                    query, client = server.recvfrom(_LARGEST)
                    response = answer(query, names(self._cloud) if self._cloud else {})
                    if response is not None:
                        server.sendto(response, client)
                except OSError:  # closed, or by the client
                    continue

        self._sockets[place] = server
        threading.Thread(target=work, name=f"names {place}", daemon=True).start()


def _bound(address: str) -> socket.socket:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, PORT))
    return server
