"""Announces gateways that are new on this host: gratuitous ARP from gw-edge for each address given, three times.

VMs anywhere, and the bridges between, then send to this host at once. arping cannot do it: gw-edge has no address to
send from.
"""

from __future__ import annotations

import socket
import sys
import time

DEVICE = "gw-edge"
TIMES, PAUSE_S = 3, 0.2
ARP = 0x0806


def main(addresses: list[str]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as wire:
        wire.bind((DEVICE, ARP))
        mac = wire.getsockname()[4]
        for number in range(TIMES):
            if number:
                time.sleep(PAUSE_S)
            for address in addresses:
                wire.send(frame(mac, socket.inet_aton(address)))


def frame(mac: bytes, address: bytes) -> bytes:
    """A broadcast ARP request of the address for itself."""
    everybody, nobody = b"\xff" * 6, b"\0" * 6
    ethernet = everybody + mac + ARP.to_bytes(2, "big")
    return ethernet + bytes.fromhex("0001080006040001") + mac + address + nobody + address


if __name__ == "__main__":
    main(sys.argv[1:])
