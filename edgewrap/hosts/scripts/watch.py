"""Keeps an edge host up to date between two runs of edgewrap. It answers the probes of other hosts (health.py), and
watches two things:

- Ports of br-edge. The guard (nft table bridge edge) lets a VM's port send only with that VM's MAC and address; a port
  that it does not know is closed. Whose port it is follows from what the host itself created, never from what a VM
  sends: the chains and the set of OpenNebula's fw driver for the port; and until these are there (a migrated VM resumes
  earlier), the MAC of the tap device, which is the VM's MAC with fe as its first byte (libvirt). Only addresses for VMs
  in the blocks of the cluster's groups count, and a MAC must end with the address, as OpenNebula creates it.
- Interfaces of groups. When AWS attaches or detaches one, network.sh runs, and adds or removes the group at once.

Without arguments it runs until it is stopped. `load` loads the guard with the present ports, in one transaction.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

Link = dict[str, Any]  # as `ip -j link` prints it
Triple = tuple[str, str, str]  # port, MAC, address

DIRECTORY = Path(__file__).parent
GUARDS = ("guard.nft", "guard-by-name.nft")
BRIDGE = "br-edge"
OWN_PORTS = ("gw-port", "vx-edge")
LINK_EVENTS = 1  # RTMGRP_LINK
LOOK_S = 15  # between two looks without an event
PROBE = 0x88B5  # the ethertype of probes through the overlay
CLOSED_LOOK_S, CLOSED_S = 0.3, 60  # while a port is closed, for a minute: the fw driver's rules cause no event

_JUMP = re.compile(r"^-A opennebula .*--physdev-in (\S+).* -j (\S+)$", re.MULTILINE)
_MAC = re.compile(r"^-A (\S+) -m mac ! --mac-source (\S+) -j DROP$", re.MULTILINE)
_ADDRESS = re.compile(r"^add (\S+)-ip-spoofing (\S+)$", re.MULTILINE)
_ELEMENT = re.compile(r'"([^"]+)" \. ([0-9a-f:]{17}) \. ([0-9.]+)')


def main(arguments: list[str]) -> None:
    if arguments == ["load"]:
        load(look(links_now()))
    elif arguments:
        sys.exit("usage: watch.py [load]")
    else:
        watch()


def watch() -> None:
    events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    events.bind((0, LINK_EVENTS))
    threading.Thread(target=answer_probes, daemon=True).start()
    filled = told = State()
    interfaces: set[str] | None = None
    closed_since: dict[str, float] = {}
    while True:
        links = links_now()
        state = look(links)
        if state != filled:
            fill(state)
        tell(state, told)
        filled = told = state
        if (present := group_interfaces(links)) != interfaces:
            interfaces = present
            subprocess.run(["sh", str(DIRECTORY / "network.sh")], stdout=subprocess.DEVNULL, check=False)
        now = time.monotonic()
        closed_since = {port: closed_since.get(port, now) for port in state.closed}
        soon = any(now - since < CLOSED_S for since in closed_since.values())
        if not wait(events, CLOSED_LOOK_S if soon else LOOK_S) and not soon and elements() != state.allowed:
            filled = State()  # someone else changed the guard


def answer_probes() -> None:
    """Answers each probe that reaches the gateway; opens a new socket after gw-edge was replaced or was down."""
    while True:
        with contextlib.suppress(OSError), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as gateway:
            gateway.bind(("gw-edge", PROBE))
            while True:
                frame = gateway.recv(2048)
                if frame[14:].startswith(b"probe"):
                    gateway.send(frame[6:12] + gateway.getsockname()[4] + frame[12:14] + b"answer" + frame[19:27])
        time.sleep(1)


class State(NamedTuple):
    """What the guard should contain: triples of port, MAC and address, and which ports are in which bridge."""

    allowed: frozenset[Triple] = frozenset()
    guarded: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()

    @property
    def closed(self) -> frozenset[str]:
        return self.guarded - {port for port, _, _ in self.allowed}

    def commands(self) -> Iterator[str]:
        """nft commands that fill the guard's sets, whatever is in them."""
        sets = {
            "allowed": [f'"{port}" . {mac} . {address}' for port, mac, address in sorted(self.allowed)],
            "macs": sorted({f'"{port}" . {mac}' for port, mac, _ in self.allowed}),
            "guarded": [f'"{port}"' for port in sorted(self.guarded)],
            "elsewhere": [f'"{port}"' for port in sorted(self.elsewhere)],
        }
        for name, members in sets.items():
            yield f"flush set bridge edge {name}"
            if members:
                yield f"add element bridge edge {name} {{ {', '.join(members)} }}"


def look(links: list[Link]) -> State:
    ports = {link["ifname"]: link for link in links if link.get("master") == BRIDGE and link["ifname"] not in OWN_PORTS}
    others = (link["ifname"] for link in links if link.get("master", BRIDGE) != BRIDGE)
    elsewhere = frozenset(name for name in others if name.startswith("one-"))
    networks = [ipaddress.IPv4Network(words[1]) for words in records("block")]
    driver = fw_driver() if ports else {}
    allowed: set[Triple] = set()
    for port, link in ports.items():
        mac, given = driver.get(port) or (mac_of_tap(link.get("address", "")), set())
        own = address_of(mac)
        if is_for_a_vm(own, networks):
            allowed.update((port, mac, address) for address in given or {own} if is_for_a_vm(address, networks))
    return State(frozenset(allowed), frozenset(ports), elsewhere)


def links_now() -> list[Link]:
    """Raises CalledProcessError: a failure must never look like a host without interfaces."""
    shown = subprocess.run(["ip", "-j", "link", "show"], capture_output=True, text=True, check=True).stdout
    return [link for link in json.loads(shown) if link]


def group_interfaces(links: list[Link]) -> set[str]:
    """The MACs of groups whose interface is here; a VLAN or another device on top of one does not count."""
    here: set[str] = {link.get("address", "") for link in links if not link.get("link")}
    return here & {words[2] for words in records("group")}


def records(kind: str) -> list[list[str]]:
    lines = (DIRECTORY / "network.conf").read_text().splitlines()
    return [words for words in map(str.split, lines) if words and words[0] == kind]


def fw_driver() -> dict[str, tuple[str, set[str]]]:
    """The MAC and the addresses of each port, as OpenNebula's driver filters them."""
    rules = output("iptables-save", "-t", "filter")
    macs = {chain: mac.lower() for chain, mac in _MAC.findall(rules)}
    given: dict[str, set[str]] = {}
    for name, address in _ADDRESS.findall(output("ipset", "save")):
        given.setdefault(name, set()).add(address)
    chains = ((port, macs.get(chain), given.get(chain.removesuffix("-o"))) for port, chain in _JUMP.findall(rules))
    return {port: (mac, addresses) for port, mac, addresses in chains if mac and addresses}


def mac_of_tap(mac: str) -> str:
    return f"02:{mac[3:]}" if mac.startswith("fe:") else ""


def address_of(mac: str) -> str:
    """The address that a VM's MAC ends with; empty if it is not a MAC."""
    words = mac.split(":")
    return ".".join(str(int(word, 16)) for word in words[2:]) if len(words) == 6 else ""


def is_for_a_vm(address: str, networks: list[ipaddress.IPv4Network]) -> bool:
    """Whether the address is a VM's: an even one of a group's block, but not the interface's own, the first one."""
    with contextlib.suppress(ValueError):
        found = ipaddress.IPv4Address(address)
        return int(found) % 2 == 0 and any(found in one and found != one.network_address for one in networks)
    return False


def load(state: State) -> None:
    """Replaces the table and its sets. The second file is for kernels that cannot match a port's bridge."""
    for guard in GUARDS:
        text = (DIRECTORY / guard).read_text() + "\n".join([*state.commands(), ""])
        error = nft(text)
        if error is None:
            return
    sys.exit(f"the guard cannot be loaded: {error}")


def fill(state: State) -> None:
    if nft("\n".join([*state.commands(), ""])) is not None:
        load(state)


def elements() -> frozenset[Triple]:
    return frozenset(_ELEMENT.findall(output("nft", "list", "set", "bridge", "edge", "allowed")))


def tell(state: State, told: State) -> None:
    """Logs to the journal whose port each is, once."""
    for port, mac, address in sorted(state.allowed - told.allowed):
        print(f"{port}: open for {mac} {address}", flush=True)
    for port in sorted(state.closed - told.closed):
        print(f"{port}: closed, its VM is unknown", flush=True)


def wait(events: socket.socket, timeout: float) -> bool:
    """True after an event; reads all further events that are waiting."""
    events.settimeout(timeout)
    try:
        events.recv(65536)
    except TimeoutError:
        return False
    except OSError:  # more than the socket could hold
        return True
    with contextlib.suppress(OSError):
        events.setblocking(False)
        while True:
            events.recv(65536)
    return True


def nft(text: str) -> str | None:
    """None, or the error of nft."""
    done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip() or f"status {done.returncode}"


def output(*command: str) -> str:
    """What a command prints; empty if it is not installed or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    main(sys.argv[1:])
