"""A large cluster: its spec, its state, what its hosts answer and what its front-end has, made from recordings.

It has as many interface groups and Elastic IPs as a spec can name: 63 groups of 63. That is more than any instance type
can carry (c5.metal: 14 groups of 49), but no field of a spec forbids it.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from ipaddress import IPv4Address, IPv4Network
from typing import Any, NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from edgewrap.aws.inputs.model import Foundation, Inputs, InterfaceLimits, eip_keys, host_keys
from edgewrap.aws.inputs.placement import place
from edgewrap.aws.outputs import read_outputs
from edgewrap.aws.render.variables import make_variables
from edgewrap.hosts.blocks import BEGIN, END, host_blocks
from edgewrap.hosts.desired import DesiredHost, Group, desired_hosts, zones_of
from edgewrap.hosts.render.files import host_files
from edgewrap.opennebula.diff import diff_context
from edgewrap.opennebula.facts import OneFacts
from edgewrap.opennebula.kinds import KINDS
from edgewrap.opennebula.kinds.base import Existing, User
from edgewrap.opennebula.kinds.cluster import ClusterFacts
from edgewrap.opennebula.kinds.datastore import DatastoreFacts
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.template import Template
from edgewrap.opennebula.kinds.virtual_network import DesiredNetwork, NetworkFacts
from edgewrap.opennebula.kinds.vn_template import TemplateFacts
from edgewrap.outputs import HostPin, HostReport, Outputs
from edgewrap.spec.models import Spec
from tests.support.recordings import Recording
from tests.unit.hosts.recorded import DATA

GROUPS, PAIRS = 63, 63
UUID = "0f6a1e9c-1111-4a6e-9d55-2f5f7ce1a001"
CLUSTER_ID = 100
SUBNET = "10.0.0.0/16"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOArIgnsQuBtihEr9vV269zuAjyWK06tYxrSy2R9U8ir"
LONGEST_LINE = 1000  # facts.sh cuts longer ones


class Answer(NamedTuple):
    """One host's answer, and its SSH host key."""

    text: str
    pin: HostPin


class LargeCluster:
    """A cluster of so many hosts, with Elastic IPs in proportion: all 3,969 with 500 hosts. There are at least as many
    hosts as `groups`. If it `differs`, every host and every object differs from what it should be in most things that a
    plan compares."""

    def __init__(self, hosts: int, *, differs: bool = False, groups: int = GROUPS) -> None:
        self.differs, self.groups = differs, groups
        self.spec_text = f"""apiVersion: edgewrap/v1
name: edge-large
aws: {{ region: eu-west-3 }}
hosts: {{ count: {hosts} }}
public_network: {{ groups: {self.groups}, elastic_ips: {{ count: {min(hosts * 8, self.groups * PAIRS)} }} }}
"""

    @cached_property
    def spec(self) -> Spec:
        """Its spec."""
        import yaml

        return Spec.model_validate(yaml.safe_load(self.spec_text))

    @cached_property
    def inputs(self) -> Inputs:
        """What its state keeps."""
        hosts, groups = host_keys(self.spec), [f"group-{number}" for number in range(self.groups)]
        return Inputs(
            uuid=UUID,
            foundation=Foundation(
                name=self.spec.name,
                region=self.spec.aws.region,
                zone="eu-west-3a",
                vpc_cidr=SUBNET,
                subnet_cidr=SUBNET,
                groups=self.groups,
                instance_type="c5.metal",
            ),
            limits=InterfaceLimits(interfaces=1 + GROUPS, addresses_per_interface=1 + PAIRS),
            host_address="public",
            public_key=HOST_KEY,
            amis=dict.fromkeys(hosts, "ami-0123456789abcdef0"),
            placement=place(groups, hosts, {}),
            eips=eip_keys(self.spec),
        )

    @cached_property
    def values(self) -> dict[str, Any]:
        """Terraform's outputs."""
        variables = make_variables(self.spec, self.inputs, "")
        hosts = {
            key: {
                "instance_id": f"i-{number:017x}",
                "private_address": host.private_address,
                "public_address": str(IPv4Address("198.18.0.1") + number),
                "state": "running",
                "root_gb": self.spec.hosts.root_volume_gb,
                "datastore": None,
            }
            for number, (key, host) in enumerate(variables.hosts.items())
        }
        groups = {
            key: {
                "interface_id": f"eni-{number:017x}",
                "mac": f"0e:00:00:00:00:{number:02x}",
                "primary_address": group.addresses[0],
                "block": group.block,
                "host": group.host,
                "device_index": group.device_index,
            }
            for number, (key, group) in enumerate(variables.groups.items())
        }
        eips = {
            key: {
                "allocation_id": f"eipalloc-{number:017x}",
                "public_address": str(IPv4Address("198.19.0.1") + number),
                **eip.model_dump(),
            }
            for number, (key, eip) in enumerate(variables.eips.items())
        }
        cluster = {
            "uuid": UUID,
            "region": self.spec.aws.region,
            "zone": "eu-west-3a",
            "vpc_id": "vpc-0",
            "vpc_cidr": SUBNET,
            "subnet_id": "subnet-0",
            "subnet_cidr": SUBNET,
        }
        return {"cluster": cluster, "hosts": hosts, "groups": groups, "eips": eips}

    @cached_property
    def outputs(self) -> Outputs:
        """The outputs, read."""
        return read_outputs(self.values, self.inputs)

    def pin(self, key: str) -> HostPin:
        """The SSH host key of one host."""
        return HostPin(self.outputs.hosts[key].instance_id, HOST_KEY)

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """What each host prints, one after the other, by key."""
        addresses = [host.private_address for host in self.outputs.hosts.values()]
        desired = desired_hosts(self.spec, self.outputs)
        for key in self.outputs.hosts:
            yield key, Answer(_answer(desired(key), addresses, differs=self.differs), self.pin(key))

    def pools(self) -> dict[str, str]:
        """What the front-end answers to each call that a plan makes."""
        reports = {key: HostReport(key, True, self.pin(key), "eth0", 1500) for key in self.outputs.hosts}
        recording = Recording("7.0.2")
        pools = {one: Element(f"{one.tag}_POOL") for one in dict.fromkeys(kind.facts for kind in KINDS)}
        pools[DatastoreFacts] = recording.xml("initial datastores")
        own: dict[type[Existing], tuple[Existing, ...]] = {DatastoreFacts: DatastoreFacts.parse(pools[DatastoreFacts])}
        empty = OneFacts("7.0.2", User(0, "oneadmin", (0,)), own)
        context = diff_context(self.spec, empty, self.outputs, reports, CLUSTER_ID)
        number = CLUSTER_ID
        for kind in KINDS:
            for wanted in kind.desired(context):
                attributes = {**wanted.attributes, **({"REPLICA_STORAGE_IP": "10.9.9.9"} if self.differs else {})}
                made = _object(kind.facts.tag, number, wanted.name, attributes)
                if kind.facts is TemplateFacts:
                    SubElement(_one(made, "TEMPLATE/EDGEWRAP"), "ID").text = str(number)
                if kind.facts.tag == "HOST":  # with all that a real one has beside what we set
                    recorded = copy.deepcopy(_one(recording.xml("full hostpool"), "HOST"))
                    made.extend(one for one in recorded if made.find(one.tag) is None)
                if isinstance(wanted, DesiredNetwork):
                    ranges = SubElement(made, "AR_POOL")
                    for index, one in enumerate(wanted.ranges):
                        changed = {"GATEWAY": "10.9.9.9"} if self.differs else {}
                        vector = {"AR_ID": str(index), "MAC": "02:00:0a:00:80:02", **one.attributes, **changed}
                        ranges.append(_vector("AR", vector))
                pools[kind.facts].append(made)
                number += 1
        members = {"HOSTS": HostFacts, "DATASTORES": DatastoreFacts, "VNETS": NetworkFacts}
        for name, facts in members.items():
            listed = SubElement(_one(pools[ClusterFacts], "CLUSTER"), name)
            for member in pools[facts]:
                SubElement(listed, "ID").text = member.findtext("ID")
        answers = {f"{one.api}pool.info": _text(pool) for one, pool in pools.items()}
        user = "<USER><ID>0</ID><GID>0</GID><GROUPS><ID>0</ID></GROUPS><NAME>oneadmin</NAME></USER>"
        return {"system.version": "7.0.2", "user.info": user, **answers}


def _object(tag: str, number: int, name: str, attributes: Template) -> Element:
    """One object of ours, as a pool has it."""
    made = Element(tag)
    fields = {"ID": str(number), "NAME": name, "CLUSTER_ID": str(CLUSTER_ID), "STATE": "1"}
    if tag == "HOST":
        fields["STATE"] = "2"
    elif tag != "CLUSTER":
        fields |= {"UID": "0", "UNAME": "oneadmin"}
    for field, text in fields.items():
        SubElement(made, field).text = text
    template = SubElement(made, "TEMPLATE")
    for field, value in attributes.items():
        if isinstance(value, str):
            SubElement(template, field).text = value
        else:
            template.append(_vector(field, value))
    return made


def _vector(name: str, parts: Mapping[str, str]) -> Element:
    made = Element(name)
    for part, text in parts.items():
        SubElement(made, part).text = text
    return made


def _one(element: Element, path: str) -> Element:
    found = element.find(path)
    assert found is not None
    return found


def _text(element: Element) -> str:
    return ElementTree.tostring(element, encoding="unicode")


@cache
def _recorded() -> dict[str, str]:
    words = re.split(r"^##edgewrap:section (\S+)\n", (DATA / "entry.txt").read_text(), flags=re.MULTILINE)
    return dict(zip(words[1::2], words[2::2], strict=True))


def _answer(host: DesiredHost, addresses: list[str], *, differs: bool) -> str:
    """What facts.sh prints on a host that is as it should be; or on one that `differs`."""
    group = host.groups[0] if host.groups else None
    sections = dict(_recorded())
    for name in ("links", "routes", "rules", "proxies", "fdb"):
        rows = [made for row in json.loads(sections[name]) if (made := _row(row, group)) is not None]
        missing = differs and name in ("rules", "proxies")
        text = json.dumps(rows[2:] if missing else rows, separators=(",", ":"))
        for old, new in (
            ('"10.0.0.10"', f'"{host.primary}"'),
            ("02:ee:0a:00:00:0a", host.bridge_mac),
            ("02:ed:0a:00:00:0a", host.gateway_mac),
        ):
            text = text.replace(old, new)
        sections[name] = text.replace('"mtu":1450', '"mtu":1400') if differs else text
    absent = ("/ens7/",) if group else ("/ens6/", "/ens7/")
    lines = [line for line in sections["sysctls"].split("\n") if not any(name in line for name in absent)]
    sections["sysctls"] = "\n".join(lines).replace("ip_forward:1", f"ip_forward:{0 if differs else 1}")
    files = [(file, f"# changed\n{file.text}" if differs else file.text) for file in host_files(host)]
    sections["files"] = "\n".join(
        f"{file.row.mode} {file.row.owner} {hashlib.sha256(text.encode()).hexdigest()}  {file.path}"
        for file, text in files
    )
    sections["texts"] = "\n".join(
        f"{file.path}:{line[:LONGEST_LINE]}" for file, text in files for line in text.splitlines()
    )
    blocks = {block.path: block.lines[1:] if differs else block.lines for block in host_blocks(host)}
    sections["blocks"] = "\n".join(
        f"{path} {base64.b64encode(chr(10).join((BEGIN, *lines, END, '')).encode()).decode()}"
        for path, lines in blocks.items()
    )
    for name, text in _tables(host).items():
        sections[f"saved-{name}"] = text
        sections[f"live-{name}"] = text.replace("counter drop", "drop", 1) if differs else text
    sections["health"] = "\n".join(_health(host, addresses))
    return "".join(f"\n##edgewrap:section {name}\n{text}\n" for name, text in sections.items())


def _row(row: dict[str, Any], group: Group | None) -> dict[str, Any] | None:
    """One recorded row as this host has it, None if it has none. The recorded host is the entry of two groups."""
    second = row.get("dst", row.get("src", "")).startswith("10.0.128.") and _offset(row) >= 128
    if second or "ens7" in row.values() or row.get("table") == "10002":
        return None
    first = row.get("dst", row.get("src", "")).startswith("10.0.128.")
    if group is None:
        return None if first or "ens6" in row.values() or row.get("table") == "10001" else row
    made = dict(row)
    if first:
        name = "dst" if "dst" in row else "src"
        made[name] = str(IPv4Network(group.block)[_offset(row)])
    if made.get("table") == "10001":
        made["table"] = str(group.table)
    if made.get("priority") == 1001:
        made["priority"] = group.priority
    if made.get("ifname") == "ens6" and "addr_info" in made:
        made |= {"address": group.mac, "addr_info": [{**made["addr_info"][0], "local": group.address}]}
    return made


def _offset(row: dict[str, Any]) -> int:
    return int(str(row.get("dst", row.get("src"))).rpartition(".")[2])


def _tables(host: DesiredHost) -> dict[str, str]:
    """The nft tables, as nft lists those of the recorded host."""
    recorded = _recorded()
    macs = ", ".join(group.mac for group in host.groups)
    zones = zones_of(host.blocks, host.blocked_destinations[0])
    elements = ",\n\t\t\t     ".join(f"{address} : {zone}" for address, zone in zones)
    edge = re.sub(r"elements = \{.*\}", f"elements = {{ {elements} }}", recorded["live-edge"])
    edge = re.sub(r"ip daddr \{ 10.*\}", f"ip daddr {{ {', '.join(host.blocked_destinations)} }}", edge)
    edge = re.sub(r"ether daddr \{.*\}", f"ether daddr {{ {macs} }}", edge)
    firewall = recorded["live-firewall"].replace("10.0.0.10", host.primary)
    public = ", ".join(host.firewall.public_addresses) if host.firewall else ""
    firewall = firewall.replace("0.0.0.0/0", f"{{ {public} }}")
    return {"edge": edge, "guard": recorded["live-guard"], "firewall": firewall}


def _health(host: DesiredHost, addresses: list[str]) -> Iterator[str]:
    yield from (f"bgp {each.address} Established" for each in host.bgp.neighbours)
    yield "probes"
    for word in ("known", "answered"):
        yield " ".join((word, *(address for address in addresses if address != host.primary)))
    yield "disk / 12"
