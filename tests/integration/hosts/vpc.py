"""A small VPC of network namespaces: hosts with real sshd, a router that plays VPC and internet gateway, VMs.

Everything runs inside one wrapper with namespaces of its own, so that ending it ends everything. Nothing in it has a
route to the outside; addresses that look public live in its `internet` namespace only.
"""

from __future__ import annotations

import ctypes
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs
from edgewrap.spec import addressing
from edgewrap.spec.models import Spec

SUBNET = IPv4Network("10.0.0.0/16")
ROUTER = "10.0.0.1"
GROUPS = 4
INTERNET = "198.51.100.1"
_HOST_SCRIPT = Path(__file__).with_name("host.sh").read_text()
_KEY = "edgewrap-test-key.pub"
_CLONE_NEWNET = 0x40000000
LOOK = "python3 /etc/edgewrap/watch.py load"  # there is no systemd, so no watcher runs by itself
_NAMESPACES = ["--mount", "--net", "--pid", "--uts", "--ipc"]
# ended with the test's process, however that ends
_WRAPPER = [
    "setpriv",
    "--pdeathsig",
    "KILL",
    "unshare",
    *_NAMESPACES,
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
]

_START = f"""
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/hosts
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects
ip route add blackhole {SUBNET}
ip route add blackhole 203.0.113.0/24
ip netns add internet
ip link add igw type veth peer name eth0 netns internet
ip address add 198.51.100.254/24 dev igw
ip link set igw up
ip -n internet link set lo up
ip -n internet address add {INTERNET}/24 dev eth0
ip -n internet link set eth0 up
ip -n internet route add default via 198.51.100.254
"""

_GATEWAY = """
table ip igw {
	map pub2priv { type ipv4_addr : ipv4_addr; elements = { %s }
	}
	map priv2pub { type ipv4_addr : ipv4_addr; elements = { %s }
	}
	chain pre { type filter hook prerouting priority raw;
		iifname "p-*" ip daddr 203.0.113.0/24 meta mark set 1
		ip daddr set ip daddr map @pub2priv
	}
	chain post { type filter hook postrouting priority srcnat;
		oifname igw ip saddr set ip saddr map @priv2pub
		meta mark 1 ip saddr set ip saddr map @priv2pub
	}
}
"""


def outputs_of(placement: dict[int, int], hosts: int, eips: int) -> Outputs:
    """Outputs as the AWS plane gives them; `placement` is the index of the host by that of the group."""
    blocks = {group: addressing.block(SUBNET, GROUPS, group) for group in placement}
    return Outputs(
        uuid="00000000-0000-4000-8000-000000000000",
        region="eu-west-3",
        zone="eu-west-3a",
        vpc_id="vpc-1",
        vpc_cidr=str(SUBNET),
        subnet_id="subnet-1",
        subnet_cidr=str(SUBNET),
        hosts={f"host-{index}": _host(index) for index in range(hosts)},
        groups={
            f"group-{group}": GroupOutput(
                key=f"group-{group}",
                index=group,
                interface_id=f"eni-{group}",
                mac=f"0e:00:00:00:00:{group + 1:02x}",
                primary_address=str(blocks[group].network_address),
                block=str(blocks[group]),
                host=f"host-{host}",
                device_index=1 + group,
            )
            for group, host in placement.items()
        },
        eips={f"eip-{index}": _eip(index, blocks) for index in range(eips)},
    )


class HostSeenFromInside(HostOutput):
    """A host for an edgewrap that runs inside the VPC."""

    __slots__ = ()

    @property
    def address(self) -> str:
        return self.private_address


def _host(index: int) -> HostOutput:
    address = str(addressing.host_address(SUBNET, index))
    public = f"203.0.113.{100 + index}"
    return HostSeenFromInside(f"host-{index}", index, f"i-{index}", address, public, f"ec2-{index}.example", "running")


def _eip(index: int, blocks: dict[int, IPv4Network]) -> EipOutput:
    group, number = addressing.eip_place(index, GROUPS)
    pair = addressing.pair(blocks[group], number)
    return EipOutput(
        key=f"eip-{index}",
        allocation_id=f"eipalloc-{index}",
        public_address=f"203.0.113.{10 + index}",
        private_address=str(pair.address),
        gateway=str(pair.gateway),
        group=f"group-{group}",
    )


@dataclass
class Vpc:
    """The VPC and what lives in it. `pid` is the wrapper's first process, `attached` the host of each group."""

    directory: Path
    outputs: Outputs
    wrapper: subprocess.Popen[bytes] = field(init=False)
    pid: int = field(init=False)
    attached: dict[str, str] = field(default_factory=dict)

    @property
    def private_key(self) -> Path:
        """The key that may log in; the public one lies beside it."""
        return self.directory / "id_ed25519"

    def spec(self, **ssh: object) -> Spec:
        """A spec for these hosts."""
        access = {"public_key": f"{self.private_key}.pub", **ssh}
        return Spec.model_validate(
            {"apiVersion": "edgewrap/v1", "name": "edge-test", "aws": {"region": "eu-west-3"}, "ssh": access}
        )

    def start(self) -> None:
        """Start the wrapper, the router, the internet and every host."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.private_key], check=True)
        # so that the kernel reaps what daemons leave behind, as an init would: FRR's scripts wait for that
        self.wrapper = subprocess.Popen([*_WRAPPER, "env", "--ignore-signal=CHLD", "sleep", "infinity"])
        self.pid = _child_of(self.wrapper.pid)
        self.sh(_START)
        outputs = self.outputs
        pairs = [(host.public_address, host.private_address) for host in outputs.hosts.values()]
        pairs += [(eip.public_address, eip.private_address) for eip in outputs.eips.values()]
        inward = ", ".join(f"{public} : {private}" for public, private in pairs)
        outward = ", ".join(f"{private} : {public}" for public, private in pairs)
        self.sh("nft -f -", text=_GATEWAY % (inward, outward))
        self.sh("cat >/run/hosts/boot.sh", text=_HOST_SCRIPT)
        for key in self.outputs.hosts:
            self.boot(key)
        for group in self.outputs.groups.values():
            self.attach(group.key, group.host)
        for key in self.outputs.hosts:
            self.await_listener(key, 22)

    def stop(self) -> None:
        """End the wrapper, and with it everything."""
        self.wrapper.kill()
        self.wrapper.wait()

    def boot(self, key: str) -> None:
        """Boot a host with its primary interface."""
        address = self.outputs.hosts[key].private_address
        public_key = Path(f"{self.private_key}.pub").read_text()
        self.sh(f"mkdir -p -m 1777 /run/hosts/{key}/upper/tmp; cat >/run/hosts/{key}/upper/tmp/{_KEY}", text=public_key)
        self.sh(f"ip netns add {key}")
        self._port(f"p-{key}", "eth0", key)
        self.sh(f"ip route replace {address}/32 dev p-{key}")
        self.sh(
            f"setsid ip netns exec {key} unshare --uts sh /run/hosts/boot.sh {key} {address}/16 {ROUTER} "
            f"</dev/null >/run/hosts/{key}.log 2>&1 &"
        )

    def await_listener(self, namespace: str, port: int) -> None:
        """Return once something in the namespace listens on the TCP port."""
        until(lambda: "LISTEN" in self.sh(f"ip netns exec {namespace} ss -Hltn sport = :{port}"))

    def shut_down(self, key: str) -> None:
        """Switch a host off: its processes end and its network is removed; its disk stays."""
        ports = [f"p-{key}", *(f"p-{group}" for group, host in self.attached.items() if host == key)]
        self.sh(f"kill -9 $(ip netns pids {key}) 2>/dev/null || :; ip netns del {key}")  # some end by themselves
        # some are deleted already with the namespace
        self.sh("".join(f"ip link del {port} 2>/dev/null || :\n" for port in ports))

    def attach(self, group: str, host: str) -> None:
        """Attach a group's interface to a host as AWS does: the interface and its addresses, nothing configured."""
        wanted = self.outputs.groups[group]
        self.attached[group] = host
        self._port(f"p-{group}", f"ens{5 + wanted.device_index}", host, f"address {wanted.mac}")
        self.sh(f"ip route replace {wanted.primary_address}/32 dev p-{group}")
        for eip in self.outputs.eips.values():
            if eip.group == group:
                self.sh(f"ip route replace {eip.private_address}/32 via {wanted.primary_address} dev p-{group} onlink")

    def detach(self, group: str) -> None:
        """Detach a group's interface."""
        self.sh(f"ip link del p-{group}")

    def _port(self, port: str, device: str, host: str, more: str = "") -> None:
        """One of the router's ports; rp_filter 1 makes it AWS's source/destination check."""
        self.sh(
            f"""ip link add {port} type veth peer name {device} {more} netns {host}
            ip address add {ROUTER}/32 dev {port}
            cd /proc/sys/net/ipv4
            echo 1 >conf/{port}/proxy_arp
            echo 0 >neigh/{port}/proxy_delay
            echo 1 >conf/{port}/rp_filter
            echo 0 >conf/{port}/send_redirects
            ip link set {port} up"""
        )

    def associate(self, eip: EipOutput) -> None:
        """Associate one more Elastic IP as AWS does: with an address that its group's interface already has."""
        group = self.outputs.groups[eip.group]
        self.sh(
            f"""nft add element ip igw pub2priv {{ {eip.public_address} : {eip.private_address} }}
            nft add element ip igw priv2pub {{ {eip.private_address} : {eip.public_address} }}
            ip route replace {eip.private_address}/32 via {group.primary_address} dev p-{group.key} onlink"""
        )

    def start_vm(self, name: str, host: str, eip: EipOutput) -> Vm:
        """A VM as libvirt attaches it: a port `one-<n>-0` on the host's br-edge, with the VM's MAC but for its first
        byte; and the watcher's look at it."""
        port = f"one-{100 + int(eip.key.removeprefix('eip-'))}-0"
        mac = f"02:00:{IPv4Address(eip.private_address).packed.hex(':')}"
        self.sh(
            f"""ip netns add {name}
            ip link add eth0 netns {name} address {mac} type veth peer name {port} netns {host}
            ip -n {name} link set lo up
            ip -n {name} address add {eip.private_address}/31 dev eth0
            ip -n {name} link set eth0 up
            ip -n {name} route add default via {eip.gateway}
            ip -n {host} link set {port} address fe:{mac[3:]}
            ip -n {host} link set {port} master br-edge
            ip -n {host} link set {port} up"""
        )
        self.on(host, LOOK)
        return Vm(self, name, eip)

    def sh(self, script: str, *, text: str | None = None) -> str:
        """Run a shell script on the router; what it prints."""
        command = ["nsenter", "--target", str(self.pid), *_NAMESPACES, "sh", "-euc"]
        result = subprocess.run([*command, script], input=text, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{script}\n{result.stdout}{result.stderr}"
        return result.stdout

    def on(self, host: str, script: str) -> str:
        """Run a shell script as root on a host; what it prints."""
        enter = f"exec nsenter --target $(cat /run/hosts/{host}.pid) --mount --net --uts --root --wd sh -eu"
        return self.sh(enter, text=script)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and what it starts, in the router's network namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/self/ns/net").open() as own, Path(f"/proc/{self.pid}/ns/net").open() as router:
            assert libc.setns(router.fileno(), _CLONE_NEWNET) == 0
            try:
                yield
            finally:
                assert libc.setns(own.fileno(), _CLONE_NEWNET) == 0


@dataclass(frozen=True)
class Vm:
    """A namespace that plays a VM."""

    vpc: Vpc
    name: str
    eip: EipOutput

    def sh(self, script: str) -> str:
        """Run a shell script in it; what it prints."""
        return self.vpc.sh(f"exec ip netns exec {self.name} sh -eu", text=script)


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    until(lambda: bool(children.read_text()))
    return int(children.read_text().split()[0])


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
