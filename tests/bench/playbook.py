"""An Ansible playbook that does to hosts what the hosts plane does to them, about one task for each planned operation.

For three hosts with four groups, these are 45 tasks, none twice: 2 directories, 18 files, 5 kernel parameters, the
filters, 3 devices, the rule of table edge, for each of two groups on a host its interface, rule, routes and gateways,
3 units, 2 for BGP (look, reload), 2 blocks; and 2 handlers. The plan has 42 operations on the same host: it counts
the filters as three.

A file is a `copy` with the plane's check before it is installed, a unit `systemd_service`, a block in a file of
others `blockinfile`. ansible-core has no modules for kernel parameters, nftables and iproute2: these are shell that
can run again. Networkd and systemd read their files again in handlers; FRR is reloaded by the plane's script. `file`
makes the directories that the hosts lack. Ansible is spared what the plane does besides: it reads how the hosts work,
and rolls back what it cannot confirm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgewrap.hosts.blocks import BEGIN, END, Block, host_blocks
from edgewrap.hosts.desired import EDGE_PRIORITY, EDGE_TABLE, DesiredHost, Group, bridge_mtu
from edgewrap.hosts.facts import HostFacts
from edgewrap.hosts.render.files import GLOBAL_SYSCTLS, NETWORK_UNIT, WATCH_UNIT, Reload, host_files, script

Task = dict[str, Any]

_MARKER = {
    "marker": f"{BEGIN.rpartition(' ')[0]} {{mark}}",
    "marker_begin": BEGIN.rpartition(" ")[2],
    "marker_end": END.rpartition(" ")[2],
}

_FIND = "name=$(grep -lx {{ group.mac }} /sys/class/net/*/address | head -n 1 | cut -d/ -f5)"
_DEVICES = {
    "br-edge": """
[ -d /sys/class/net/br-edge ] || ip link add br-edge type bridge
ip link set dev br-edge address {{ bridge_mac }} addrgenmode none
ip link set dev br-edge mtu {{ mtu }} up type bridge mcast_snooping 0
echo 1 >/proc/sys/net/ipv6/conf/br-edge/disable_ipv6""",
    "gw-edge": """
[ -d /sys/class/net/gw-edge ] || ip link add gw-edge address {{ gateway_mac }} type veth peer name gw-port
ip link set dev gw-edge addrgenmode none
ip link set dev gw-port addrgenmode none
cd /proc/sys/net
echo 1 | tee ipv6/conf/gw-edge/disable_ipv6 ipv6/conf/gw-port/disable_ipv6 ipv4/conf/gw-edge/arp_ignore
echo 0 | tee ipv4/conf/gw-edge/send_redirects ipv4/neigh/gw-edge/proxy_delay
echo 2 >ipv4/conf/gw-edge/rp_filter
ip link set dev gw-port mtu {{ mtu }} master br-edge up
ip link set dev gw-edge mtu {{ mtu }} up
bridge fdb replace {{ gateway_mac }} dev gw-port master static""",
    "vx-edge": """
[ -d /sys/class/net/vx-edge ] ||
    ip link add vx-edge type vxlan id {{ vni }} local {{ primary }} dstport 8472 nolearning
ip link set dev vx-edge addrgenmode none
echo 1 >/proc/sys/net/ipv6/conf/vx-edge/disable_ipv6
ip link set dev vx-edge mtu {{ mtu }} master br-edge
ip link set dev vx-edge type bridge_slave learning off neigh_suppress off
ip link set dev vx-edge up""",
}
_GROUP = {
    "interface": f"""
{_FIND}
ip link set dev $name alias 'edgewrap {{{{ group.key }}}}' up
ip address replace {{{{ group.address }}}}/32 dev $name
echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6
echo 2 >/proc/sys/net/ipv4/conf/$name/rp_filter
echo 0 >/proc/sys/net/ipv4/conf/$name/send_redirects""",
    "rule": """
ip -4 rule show priority {{ group.priority }} | grep -q lookup ||
    ip rule add priority {{ group.priority }} from {{ group.block }} iif gw-edge lookup {{ group.table }} protocol 2""",
    "route": f"""
{_FIND}
ip route replace default via {{{{ group.router }}}} dev $name onlink table {{{{ group.table }}}}
ip -batch - <<END
{{{{ group.routes }}}}
END""",
    "gateway": """
before=$(ip neighbour show proxy dev gw-edge)
ip -batch - <<END
{{ group.proxies }}
END
[ "$before" = "$(ip neighbour show proxy dev gw-edge)" ] || python3 /etc/edgewrap/announce.py {{ group.gateways }}""",
}
_EDGE_RULE = f"""
ip -4 rule show priority {EDGE_PRIORITY} | grep -q lookup ||
    ip rule add priority {EDGE_PRIORITY} from all lookup {EDGE_TABLE} protocol 2"""
_HANDLERS: dict[Reload | None, Task] = {
    Reload.NETWORKD: {"command": "networkctl reload"},
    Reload.SYSTEMD: {"systemd_service": {"daemon_reload": True}},
}


def write_play(
    directory: Path, hosts: Mapping[str, DesiredHost], facts: Mapping[str, HostFacts], missing: list[str]
) -> dict[str, dict[str, Any]]:
    """Write play.json, and the files that it copies, for these hosts with these facts, which lack the directories
    `missing`. Gives the variables of each host."""
    play = {"hosts": "all", "become": True, "gather_facts": False, "tasks": _tasks(hosts, facts, missing)}
    play["handlers"] = [{"name": reload, **task} for reload, task in _HANDLERS.items()]
    (directory / "play.json").write_text(json.dumps([play]))
    for key, host in hosts.items():
        for file in host_files(host):
            path = directory / key / file.path[1:]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
    return {key: _variables(host, facts[key]) for key, host in hosts.items()}


def _tasks(hosts: Mapping[str, DesiredHost], facts: Mapping[str, HostFacts], missing: list[str]) -> list[Task]:
    rows = {file.path: file.row for host in hosts.values() for file in host_files(host)}
    changed: dict[Reload | None, list[str]] = {}
    tasks: list[Task] = [{"file": {"path": path, "state": "directory"}} for path in missing]
    for path, row in rows.items():
        owner, group = row.owner.split(":")
        copy = {"src": f"{{{{ playbook_dir }}}}/{{{{ inventory_hostname }}}}{path}", "dest": path}
        copy |= {"owner": owner, "group": group, "mode": f"0{row.mode}"}
        if row.check:
            copy["validate"] = row.check.partition(" >")[0].format("%s")
        name = f"file_{len(tasks)}"
        tasks.append({"copy": copy, "register": name, "when": f"'{path}' in files"})
        if row.reload in _HANDLERS:
            tasks[-1]["notify"] = row.reload
        changed.setdefault(row.reload, []).append(f"{name} is changed")
    tasks.append({"meta": "flush_handlers"})
    tasks += [
        _shell(f'[ "$(cat /proc/sys/{name})" = {value} ] || echo {value} >/proc/sys/{name}')
        for name, value in GLOBAL_SYSCTLS.items()
    ]
    tasks += map(_shell, ("sh /etc/edgewrap/network.sh filters", *_DEVICES.values(), _EDGE_RULE))
    tasks += [
        _shell(text) | {"vars": {"group": f"{{{{ own_groups[{number}] }}}}"}, "when": f"own_groups | length > {number}"}
        for text in _GROUP.values()
        for number in range(max(len(host.groups) for host in hosts.values()))
    ]
    watcher = f"{{{{ 'restarted' if {' or '.join(changed[Reload.WATCHER])} else 'started' }}}}"
    tasks += [_unit(NETWORK_UNIT, "started"), _unit(WATCH_UNIT, watcher)]
    running = _shell("vtysh -d bgpd -c 'show running-config no-header'")
    reload = _shell(f"{{% raw %}}\nstep() {{ :; }}\n{script('frr.sh')}{{% endraw %}}")
    tasks.append(running | {"register": "bgp", "failed_when": False})
    tasks.append(reload | {"when": " or ".join(["bgp.rc != 0", *changed[Reload.FRR]])})
    tasks.append(_unit("frr.service", "started"))
    paths = dict.fromkeys(block.path for key, host in hosts.items() for block in _blocks(host, facts[key]))
    tasks += [
        {"blockinfile": {**_MARKER, "path": one, "block": f"{{{{ blocks['{one}'] }}}}"}, "when": f"'{one}' in blocks"}
        for one in paths
    ]
    return [{"name": str(number), **task} for number, task in enumerate(tasks)]


def _shell(text: str) -> Task:
    return {"shell": text.strip(), "changed_when": False}


def _unit(name: str, state: str) -> Task:
    return {"systemd_service": {"name": name, "enabled": True, "state": state}}


def _blocks(host: DesiredHost, facts: HostFacts) -> list[Block]:
    return [block for block in host_blocks(host, facts.blocks) if block.path in facts.blocks or not block.optional]


def _variables(host: DesiredHost, facts: HostFacts) -> dict[str, Any]:
    return {
        "files": [file.path for file in host_files(host)],
        "blocks": {block.path: "\n".join(block.lines) for block in _blocks(host, facts)},
        "own_groups": [_group(group) for group in host.groups],
        "bridge_mac": host.bridge_mac,
        "gateway_mac": host.gateway_mac,
        "vni": host.vni,
        "primary": host.primary,
        "mtu": bridge_mtu(facts.mtu_over(host.primary)),
    }


def _group(group: Group) -> dict[str, Any]:
    routes = "\n".join(f"route replace {address} dev gw-edge table {EDGE_TABLE}" for address in group.addresses)
    proxies = "\n".join(f"neighbour replace proxy {address} dev gw-edge" for address in group.gateways)
    values = {name: getattr(group, name) for name in ("key", "mac", "address", "block", "router", "table", "priority")}
    return {**values, "routes": routes, "proxies": proxies, "gateways": " ".join(group.gateways)}
