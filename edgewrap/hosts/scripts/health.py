"""Prints how a host works: one line for each thing, words separated by spaces; changes nothing. On standard input it
gets FRR's summary of BGP's sessions as JSON.

bgp ADDRESS STATE              a BGP neighbour and the state of its session
probes                         the watcher answers other hosts' probes
known ADDRESS…                 EVPN knows the gateways of the hosts with these primary addresses
answered ADDRESS…              their watchers have answered a probe through the overlay
filter FAMILY TABLE CHAIN HOOK RULE    what drops or rejects packets in a base chain that is not ours
unaccepted RULE                a rule that iptables lacks, in a chain whose policy is DROP
disk PATH PERCENT              how full a file system is
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

PROBE = 0x88B5  # an ethertype for local experiments
WAITS_S = (0.1, 0.2, 0.4)  # for answers, after each probe
OURS = ("ip edge", "bridge edge", "inet edge-host")
GATEWAY = "02:ed:"  # begins the MAC of a host's gateway, which ends with the host's primary address
DISKS = ("/", "/var/lib/one/datastores")
LONGEST, MOST = 160, 20
IPTABLES = (("ip filter", "INPUT"), ("ip filter", "FORWARD"))
ACCEPTS = re.compile(r'\s*(iifname|oifname) "gw-edge" (counter |packets \d+ |bytes \d+ )*accept')
BOTH = {"iifname", "oifname"}


def main() -> None:
    for part in (sessions, overlay, filters, unaccepted, disks):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            part()


def sessions() -> None:
    listed = json.load(sys.stdin)
    for address, peer in listed["peers"].items():
        print("bgp", address, peer["state"])


def overlay() -> None:
    if any(line.split()[3] == f"{PROBE:04x}" for line in Path("/proc/net/packet").read_text().splitlines()):
        print("probes")
    known = {row["mac"] for row in json.loads(output("bridge", "-j", "fdb", "show", "dev", "vx-edge"))}
    known = {mac for mac in known if mac.startswith(GATEWAY)}
    print("known", *map(address_of, sorted(known)))
    print("answered", *map(address_of, sorted(probe(known))))


def probe(macs: set[str]) -> set[str]:
    """The gateways that answer. A probe to each is a frame from our gateway, through the VXLAN like those of VMs."""
    left = set(macs)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROBE)) as gateway:
        gateway.bind(("gw-edge", PROBE))
        own, token = gateway.getsockname()[4], os.urandom(8)
        for wait_s in WAITS_S:
            for mac in left:
                gateway.send(bytes.fromhex(mac.replace(":", "")) + own + PROBE.to_bytes(2, "big") + b"probe" + token)
            until = time.monotonic() + wait_s
            while left and (rest := until - time.monotonic()) > 0:
                gateway.settimeout(rest)
                with contextlib.suppress(TimeoutError):
                    frame = gateway.recv(2048)
                    if frame[14:].startswith(b"answer" + token):
                        left.discard(frame[6:12].hex(":"))
    return macs - left


def address_of(mac: str) -> str:
    return ".".join(str(int(word, 16)) for word in mac.split(":")[2:])


def filters() -> None:
    """Policies and rules of base chains; not those behind rules that accept packets from and to gw-edge."""
    table = chain = hook = ""
    accepted: set[str] = set()
    policies: dict[tuple[str, str, str], set[str]] = {}  # each with what its chain accepts
    found: list[tuple[str, str, str, str]] = []
    for line in output("nft", "-s", "-t", "list", "ruleset").splitlines():
        words = line.split()
        if line.startswith("table "):
            table, hook = f"{words[1]} {words[2]}", ""
        elif line.startswith("\tchain "):
            chain, hook, accepted = words[1], "", set()
        elif line.startswith("\t\ttype ") and "hook" in words and table not in OURS:
            hook = words[words.index("hook") + 1]
            if "policy drop" in line and (table, chain) not in IPTABLES:  # see unaccepted()
                policies[table, chain, hook] = accepted
        elif hook and (accepts := ACCEPTS.match(line)):
            accepted.add(accepts[1])
        elif hook and re.search(r"\b(drop|reject)\b", line) and accepted != BOTH:
            found.append((table, chain, hook, " ".join(words)))
    found += [(*where, "policy drop") for where, accepts_of in policies.items() if accepts_of != BOTH]
    with contextlib.suppress(OSError):
        if "filter" in Path("/proc/net/ip_tables_names").read_text().split() and "legacy" not in output(
            "iptables", "-V"
        ):
            chains = re.findall("^-P (INPUT|FORWARD) DROP", output("iptables-legacy", "-S"), re.MULTILINE)
            found += [("iptables-legacy filter", name, name.lower(), "policy drop") for name in chains]
    for where in [one for one in found if not one[0].startswith("ip6 ")][:MOST]:
        print("filter", *where[:3], where[3][:LONGEST])


def unaccepted() -> None:
    lines = Path("/etc/edgewrap/network.conf").read_text().splitlines()
    rules = [words[1:] for words in map(str.split, lines) if words and words[0] == "accept"]
    for chain in dict.fromkeys(rule[0] for rule in rules):
        if f"-P {chain} DROP" in output("iptables", "-S", chain):
            for rule in rules:
                if rule[0] == chain and not succeeds("iptables", "-C", *rule, "-j", "ACCEPT"):
                    print("unaccepted", *rule)


def disks() -> None:
    seen = set()
    for path in filter(Path.is_dir, map(Path, DISKS)):
        one, device = os.statvfs(path), path.stat().st_dev
        used = one.f_blocks - one.f_bfree
        if device not in seen and used + one.f_bavail:
            print("disk", path, round(100 * used / (used + one.f_bavail)))
        seen.add(device)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=10).stdout


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0


main()
