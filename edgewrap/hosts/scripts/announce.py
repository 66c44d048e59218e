"""Announces gateways that are new on this host: gratuitous ARP from gw-edge for each address given, three times. It
returns after the first time; a process of its own does the others.

VMs anywhere, and the bridges between, then send to this host at once. arping cannot do it: gw-edge has no address to
send from.
"""

from __future__ import annotations

import os
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
        frames = [frame(mac, socket.inet_aton(address)) for address in addresses]
        for each in frames:
            wire.send(each)
        if os.fork():
            return
        detach(wire.fileno())
        for _ in range(TIMES - 1):
            time.sleep(PAUSE_S)
            for each in frames:
                wire.send(each)


def detach(kept: int) -> None:
    """Keep nobody waiting: neither for the end of output, nor for a lock whose file is open here."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.closerange(3, kept)
    os.closerange(kept + 1, 256)


def frame(mac: bytes, address: bytes) -> bytes:
    """A broadcast ARP request of the address for itself."""
    everybody, nobody = b"\xff" * 6, b"\0" * 6
    ethernet = everybody + mac + ARP.to_bytes(2, "big")
    return ethernet + bytes.fromhex("0001080006040001") + mac + address + nobody + address


if __name__ == "__main__":
    main(sys.argv[1:])
