"""What a change by edgewrap may touch on this host: remembered, and brought back.

    snapshot.py take USER          prints it as JSON; USER is whose authorized keys are meant
    snapshot.py restore FILE       brings all of it back; prints the path of each file that it changed
    snapshot.py restore-files FILE the same for files only: after a boot the kernel has nothing of the change any more

Everything is compared first, so that what is as it was is not touched, and all of it may be done again. Of other
people's things nothing is removed. What the interface of the default route had, its addresses and routes, is put back
where it is missing: whatever took it away, SSH comes in there.
"""

from __future__ import annotations

import base64
import glob
import json
import os
import pwd
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Data = dict[str, Any]  # as it is in the JSON

FILES = (
    "/etc/edgewrap/*",
    "/etc/systemd/network/05-edgewrap-*.network",
    "/etc/systemd/system/edgewrap-*.service",
    "/etc/systemd/system/nftables.service.d/edgewrap.conf",
    "/etc/systemd/system/multi-user.target.wants/edgewrap-*.service",
    "/etc/systemd/system/multi-user.target.wants/frr.service",
    "/etc/cloud/cloud.cfg.d/99-edgewrap.cfg",
    "/etc/sysctl.d/99-zz-edgewrap.conf",
    "/etc/iproute2/rt_tables.d/edgewrap.conf",
    "/etc/frr/daemons",
    "/etc/frr/frr.conf",
    "/var/lib/edgewrap/operators",
)
OF_UNDO = "edgewrap-undo"  # in the name of the unit that stands for the way back itself
DIRECTORIES = ("/etc/edgewrap", "/etc/systemd/system/nftables.service.d")  # not left behind empty
NETWORK_DATA = "/etc/edgewrap/network.conf"
BLOCK_BEGIN = "# edgewrap: begin of ssh.authorized_keys"
BLOCK_END = "# edgewrap: end of ssh.authorized_keys"

NFT_TABLES = ("inet edge-host", "bridge edge", "ip edge")
BRIDGE, GATEWAY, PORT, VXLAN = "br-edge", "gw-edge", "gw-port", "vx-edge"
OWN_TABLES = range(10000, 10257)
CLOUD_INIT_TABLES = range(100, 200)
MAIN_TABLE, LOCAL_TABLE, KERNEL = 254, 255, "2"
GLOBAL_SYSCTLS = (  # the first one sets others anew when it changes
    "net/ipv4/ip_forward",
    "net/bridge/bridge-nf-call-iptables",
    "net/bridge/bridge-nf-call-ip6tables",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/ipv4/conf/all/send_redirects",
)
SYSCTLS_OF_A_DEVICE = (
    "net/ipv4/conf/{}/send_redirects",
    "net/ipv4/conf/{}/rp_filter",
    "net/ipv4/conf/{}/arp_ignore",
    "net/ipv4/neigh/{}/proxy_delay",
    "net/ipv6/conf/{}/disable_ipv6",
)
ROUTE_TYPES = {"1": "unicast", "6": "blackhole", "7": "unreachable", "8": "prohibit", "9": "throw"}
ROUTE_STATES = {"linkdown", "dead", "offload", "trap", "rt_offload", "rt_trap"}  # shown, never given


def main(arguments: list[str]) -> None:
    match arguments:
        case ["take", user]:
            json.dump({"files": files(), "keys": keys(user), "kernel": kernel()}, sys.stdout)
        case ["restore", path]:
            restore(json.loads(Path(path).read_text()), in_kernel=True)
        case ["restore-files", path]:
            restore(json.loads(Path(path).read_text()), in_kernel=False)
        case _:
            sys.exit("usage: snapshot.py take USER | restore FILE | restore-files FILE")


def restore(before: Data, *, in_kernel: bool) -> None:
    groups = group_macs(files()) | group_macs(before["files"])
    restore_keys(before["keys"])
    restore_files(before["files"])
    if in_kernel:
        restore_kernel(before["kernel"], groups)


# files


def files() -> Data:
    paths = [path for pattern in FILES for path in sorted(glob.glob(pattern)) if OF_UNDO not in path]  # noqa: PTH207
    return {path: file(Path(path)) for path in paths if Path(path).is_symlink() or Path(path).is_file()}


def file(path: Path) -> Data:
    if path.is_symlink():
        return {"link": str(path.readlink())}
    status = path.stat()
    content = base64.b64encode(path.read_bytes()).decode()
    return {"mode": status.st_mode & 0o7777, "owner": [status.st_uid, status.st_gid], "content": content}


def restore_files(before: Data) -> None:
    now = files()
    for path in {**before, **now}:
        if now.get(path) == before.get(path):
            continue
        if path in before:
            put(Path(path), before[path])
        else:
            Path(path).unlink()
        print(path)
    for directory in map(Path, DIRECTORIES):
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()


def put(path: Path, wanted: Data) -> None:
    """In one step: whoever reads it finds the old file or the new one."""
    new = Path(f"{path}.undo")
    path.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    if "link" in wanted:
        new.symlink_to(wanted["link"])
    else:
        new.touch(0o600)
        new.write_bytes(base64.b64decode(wanted["content"]))
        os.chown(new, *wanted["owner"])
        new.chmod(wanted["mode"])
    new.rename(path)


def keys(user: str) -> Data:
    path = Path(pwd.getpwnam(user).pw_dir, ".ssh", "authorized_keys").resolve()
    return {"path": str(path), "block": parted(text_of(path))[1]}


def restore_keys(before: Data) -> None:
    """Our block only: every other line stays as it is by now."""
    path = Path(before["path"])
    others, block = parted(text_of(path))
    if block != before["block"] and path.exists():
        status = path.stat()
        text = (others + before["block"]).encode(errors="surrogateescape")
        owner = [status.st_uid, status.st_gid]
        put(path, {"mode": status.st_mode & 0o7777, "owner": owner, "content": base64.b64encode(text).decode()})


def text_of(path: Path) -> str:
    """The text of a file byte for byte, whatever its encoding and line ends; empty without the file."""
    return path.read_bytes().decode(errors="surrogateescape") if path.exists() else ""


def parted(text: str) -> tuple[str, str]:
    """The lines that are not ours, and our block with its first and last line."""
    block = re.search(rf"^{re.escape(BLOCK_BEGIN)}\n.*?^{re.escape(BLOCK_END)}\n", text, re.DOTALL | re.MULTILINE)
    return (text[: block.start()] + text[block.end() :], block[0]) if block else (text, "")


def group_macs(known: Data) -> set[str]:
    content = known.get(NETWORK_DATA, {}).get("content", "")
    lines = base64.b64decode(content).decode(errors="replace").split("\n")
    return {words[2] for words in map(str.split, lines) if len(words) > 2 and words[0] == "group"}


# the kernel's part


def kernel() -> Data:
    links = {link["ifname"]: link for link in rows("ip", "-N", "-d", "-j", "address")}
    return {
        "links": links,
        "sysctls": dict(sysctls(links)),
        "tables": {table: output("nft", "-s", "list", "table", *table.split()) for table in NFT_TABLES},
        "rules": [rule(line) for line in printed("ip", "-N", "-4", "-d", "rule")],
        "routes": [route(line) for line in printed("ip", "-N", "-4", "-d", "-o", "route", "show", "table", "all")],
        "proxies": [line.split()[0] for line in printed("ip", "-4", "neighbour", "show", "proxy", "dev", GATEWAY)],
        "fdb": [
            row["mac"] for row in rows("bridge", "-j", "fdb", "show", "brport", PORT) if row.get("state") == "static"
        ],
    }


def sysctls(devices: Iterable[str]) -> Iterator[tuple[str, str]]:
    names = [*GLOBAL_SYSCTLS, *(name.format(device) for device in devices for name in SYSCTLS_OF_A_DEVICE)]
    for name in names:
        path = Path("/proc/sys", name)
        if path.exists():
            yield name, path.read_text().strip()


def rule(line: str) -> str:
    """As `ip rule add` takes it."""
    priority, _, rest = line.partition(":")
    return f"priority {priority} {' '.join(rest.replace('[detached]', '').split())}"


def route(line: str) -> str:
    """As `ip route add` takes it; it shows the type as a number, and does not take it so."""
    kind, *words = [word for word in line.split() if word not in ROUTE_STATES]
    return " ".join([ROUTE_TYPES.get(kind, kind), *words])


def restore_kernel(before: Data, groups: set[str]) -> None:
    """Filters that were there before come first, others go last, so that nothing stands open in between."""
    restore_tables({name: text for name, text in before["tables"].items() if text})
    for stage in (structure, settings, addresses, ways):
        now = kernel()
        own = {BRIDGE, GATEWAY, PORT, VXLAN} | {
            name for name, link in now["links"].items() if link.get("address") in groups and not link.get("link")
        }
        restore_sysctls(before["sysctls"], now["sysctls"], own)
        run_batch("ip", list(stage(before, now, own)))
    now = kernel()
    run_batch("bridge", list(forwarding(before, now)))
    restore_tables({name: text for name, text in before["tables"].items() if not text})


def restore_tables(before: Data) -> None:
    for table, text in before.items():
        if output("nft", "-s", "list", "table", *table.split()) == text:
            continue
        # adding it first: there is none to delete where it was not
        script = f"table {table}\ndelete table {table}\n{text}"
        done = subprocess.run(["nft", "-f", "-"], input=script, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(f"table {table} cannot be brought back: {done.stderr.strip()}", file=sys.stderr)


def restore_sysctls(before: Data, now: Data, own: set[str]) -> None:
    """Those of all hosts, and those of our devices as far as they are there; any other device's are not ours."""
    names = [*GLOBAL_SYSCTLS, *(name.format(device) for device in sorted(own) for name in SYSCTLS_OF_A_DEVICE)]
    for name in names:
        if name in before and name in now and before[name] != now[name]:
            try:
                Path("/proc/sys", name).write_text(before[name])
            except OSError as error:
                print(f"{name} cannot be brought back: {error.strerror}", file=sys.stderr)


def structure(before: Data, now: Data, own: set[str]) -> Iterator[str]:
    """Devices that were not there go, those that went come again. A bridge with a VM's port in it stays."""
    was, is_now = before["links"], now["links"]
    ports = {name for name, link in is_now.items() if link.get("master") == BRIDGE} - own
    for name in (GATEWAY, VXLAN, BRIDGE):
        surplus = name in is_now and (name not in was or made_of(was[name]) != made_of(is_now[name]))
        if surplus and not (name == BRIDGE and ports):
            yield f"link del dev {name}"
        if name in was and (surplus or name not in is_now):
            yield made_of(was[name])


def made_of(link: Data) -> str:
    """What makes one of our devices; two with the same differ in nothing but what can be set."""
    info = link.get("linkinfo", {})
    kind, data = info.get("info_kind", ""), info.get("info_data", {})
    more = f" peer name {link.get('link')}" if kind == "veth" else ""
    if kind == "vxlan":
        more = f" id {data.get('id')} local {data.get('local')} dstport {data.get('port')} nolearning"
    return f"link add {link['ifname']} type {kind}{more}"


def settings(before: Data, now: Data, own: set[str]) -> Iterator[str]:
    for name in sorted(own & before["links"].keys() & now["links"].keys()):
        is_now = lines_of(now["links"][name])
        for setting, line in lines_of(before["links"][name]).items():
            if line != is_now.get(setting):
                yield f"link set dev {name} {line}"


def lines_of(link: Data) -> dict[str, str]:
    """What is set on a device, by name, as `ip link set` takes it; whether it is up comes last."""
    info = link.get("linkinfo", {})
    data, port = info.get("info_data", {}), info.get("info_slave_data", {})
    lines = {"mac": f"address {link['address']}", "mtu": f"mtu {link['mtu']}"}
    lines["master"] = f"master {link['master']}" if "master" in link else "nomaster"
    if info.get("info_kind") == "bridge":
        lines["snooping"] = f"type bridge mcast_snooping {data['mcast_snooping']:d}"
    if info.get("info_kind") == "vxlan":
        learning = "learning" if data.get("learning") else "nolearning"
        lines["vxlan"] = f"type vxlan id {data.get('id')} local {data.get('local')} {learning}"
    if info.get("info_slave_kind") == "bridge":
        on = {name: "on" if port[name] else "off" for name in ("learning", "neigh_suppress")}
        lines["port"] = "type bridge_slave " + " ".join(f"{name} {value}" for name, value in on.items())
    lines["up"] = "up" if "UP" in link["flags"] else "down"
    return lines


def addresses(before: Data, now: Data, own: set[str]) -> Iterator[str]:
    primary = primary_of(before)
    for name in sorted((own | {primary}) & before["links"].keys() & now["links"].keys()):
        was, is_now = addresses_of(before["links"][name]), addresses_of(now["links"][name])
        if name in own:
            yield from (f"address del {address} dev {name}" for address in is_now.keys() - was.keys())
        for address in [address for address in was if address not in is_now]:
            yield f"address add {address}{was[address]} dev {name}"


def addresses_of(link: Data) -> dict[str, str]:
    """The IPv4 addresses with their prefix lengths, each with what else it was given."""
    found = {}
    for row in link.get("addr_info", ()):
        if row["family"] == "inet":
            more = [
                f" {word} {row[name]}" for name, word in (("broadcast", "brd"), ("metric", "metric")) if name in row
            ]
            more += [" noprefixroute"] if row.get("noprefixroute") else []
            found[f"{row['local']}/{row['prefixlen']}"] = "".join(more)
    return found


def primary_of(before: Data) -> str:
    """The interface of the default route; empty without one."""
    routes = [line for line in before["routes"] if " default " in f" {line} " and table_of(line) == MAIN_TABLE]
    return min(((int(word(line, "metric") or 0), word(line, "dev")) for line in routes), default=(0, ""))[1]


def ways(before: Data, now: Data, own: set[str]) -> Iterator[str]:
    """Rules, routes and proxies."""
    for line in now["rules"]:
        if line not in before["rules"] and table_of(line, "lookup") in OWN_TABLES:
            yield f"rule del {line}"
    for line in before["rules"]:
        table = table_of(line, "lookup")
        if line not in now["rules"] and (table in OWN_TABLES or table in CLOUD_INIT_TABLES):
            yield f"rule add {line}"
    here, primary = {*now["links"]}, primary_of(before)
    for line in now["routes"]:
        if line not in before["routes"] and is_ours(line, own):
            yield f"route del {line}"
    for line in before["routes"]:
        of_primary = word(line, "dev") == primary and table_of(line) == MAIN_TABLE and word(line, "proto") != KERNEL
        there = word(line, "dev") in {"", *here}
        if line not in now["routes"] and (is_ours(line, own) or of_primary) and there:
            yield f"route add {line}"
    if GATEWAY in here:
        yield from (
            f"neighbour del proxy {way} dev {GATEWAY}" for way in now["proxies"] if way not in before["proxies"]
        )
        yield from (
            f"neighbour add proxy {way} dev {GATEWAY}" for way in before["proxies"] if way not in now["proxies"]
        )


def is_ours(line: str, own: set[str]) -> bool:
    """Whether the route is ours, or stands on a device of ours; the kernel's own go with their addresses."""
    table = table_of(line)
    return table in OWN_TABLES or (word(line, "dev") in own and table != LOCAL_TABLE and word(line, "proto") != KERNEL)


def forwarding(before: Data, now: Data) -> Iterator[str]:
    if PORT in now["links"] and PORT in before["links"]:
        yield from (f"fdb del {mac} dev {PORT} master" for mac in now["fdb"] if mac not in before["fdb"])
        yield from (f"fdb replace {mac} dev {PORT} master static" for mac in before["fdb"] if mac not in now["fdb"])


def table_of(line: str, name: str = "table") -> int:
    number = word(line, name)
    return int(number) if number.isdigit() else MAIN_TABLE


def word(line: str, name: str) -> str:
    """What follows `name` in the line; empty without it."""
    words = line.split()
    return words[words.index(name) + 1] if name in words[:-1] else ""


def run_batch(tool: str, lines: list[str]) -> None:
    """Each line is tried; what one of them says is for the journal."""
    if lines:
        text = "\n".join([*lines, ""])
        subprocess.run([tool, "-force", "-batch", "-"], input=text, text=True, stdout=subprocess.DEVNULL, check=False)


def rows(*command: str) -> list[Data]:
    return [row for row in json.loads(output(*command) or "[]") if row]


def printed(*command: str) -> list[str]:
    """The lines that a command prints. Only a line feed ends one: a name may hold another character at which
    `str.splitlines` splits."""
    return [line for line in output(*command).split("\n") if line]


def output(*command: str) -> str:
    """What a command prints; nothing where it fails: what it was asked for is not there."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    main(sys.argv[1:])
