"""Ethernet frames made by hand, and a sender for them in a place of a lab."""

from __future__ import annotations

from ipaddress import IPv4Address

from tests.support.lab import Lab

EVERYBODY = "ff:ff:ff:ff:ff:ff"

_SEND = """
import socket, sys, time
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
wire.bind((sys.argv[1], 0))
for _ in range(int(sys.argv[2])):
    for frame in sys.argv[4:]:
        wire.send(bytes.fromhex(frame))
    time.sleep(float(sys.argv[3]))
"""


def send(lab: Lab, place: str, frames: list[bytes], *, rounds: int = 1, pause_s: float = 0.02) -> int:
    """Send all the frames out of a VM's interface, so many times; how many that were."""
    shown = [frame.hex() for frame in frames]
    lab.run("python3", "-c", _SEND, "eth0", str(rounds), str(pause_s), *shown, place=place)
    return rounds * len(frames)


def arp(mac: str, address: str, *, to: str = EVERYBODY, target: str = "", reply: bool = False) -> bytes:
    """An ARP message of the sender; without a target a gratuitous one."""
    operation = b"\x00\x02" if reply else b"\x00\x01"
    body = _bytes(mac) + IPv4Address(address).packed + bytes(6) + IPv4Address(target or address).packed
    return ethernet(mac, 0x0806, bytes.fromhex("000108000604") + operation + body, to=to)


def rarp(mac: str) -> bytes:
    """What a hypervisor sends for a VM that has moved to it."""
    body = (_bytes(mac) + bytes(4)) * 2
    return ethernet(mac, 0x8035, bytes.fromhex("0001080006040003") + body)


def ipv4(mac: str, address: str, *, to: str, target: str) -> bytes:
    """An empty UDP packet to the discard port."""
    head = bytes.fromhex("4500001c0000400040110000") + IPv4Address(address).packed + IPv4Address(target).packed
    head = head[:10] + _checksum(head) + head[12:]
    return ethernet(mac, 0x0800, head + bytes.fromhex("3039000900080000"), to=to)


def tagged(frame: bytes, vlan: int = 0) -> bytes:
    """The frame with an 802.1Q tag; VLAN 0 is a priority tag, which many systems ignore."""
    return frame[:12] + b"\x81\x00" + vlan.to_bytes(2, "big") + frame[12:]


def neighbour_advertisement(mac: str) -> bytes:
    """An IPv6 neighbour advertisement to all nodes."""
    source, everybody = bytes.fromhex("fe80") + bytes(11) + b"\x00\x00\x01", bytes.fromhex("ff02") + bytes(13) + b"\x01"
    body = bytes.fromhex("88000000a0000000") + source + b"\x02\x01" + _bytes(mac)
    pseudo = source + everybody + len(body).to_bytes(4, "big") + b"\x00\x00\x00\x3a"
    body = body[:2] + _checksum(pseudo + body) + body[4:]
    head = b"\x60\x00\x00\x00" + len(body).to_bytes(2, "big") + b"\x3a\xff" + source + everybody
    return ethernet(mac, 0x86DD, head + body, to="33:33:00:00:00:01")


def ethernet(mac: str, kind: int, payload: bytes, *, to: str = EVERYBODY) -> bytes:
    """A frame, filled up to the shortest that Ethernet has."""
    return (_bytes(to) + _bytes(mac) + kind.to_bytes(2, "big") + payload).ljust(60, b"\x00")


def _bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _checksum(data: bytes) -> bytes:
    total = sum(int.from_bytes(data[place : place + 2], "big") for place in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
