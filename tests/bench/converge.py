"""The hosts plane against Ansible doing the same to the same hosts, in a lab of its own: hosts that need nothing, in
turns; and new hosts, in turns, too: between two rounds all of edgewrap's files are deleted and the hosts rebooted, and
the planned changes must be the same as at first. After Ansible, the plane must find nothing to do.

The first is measured as `apply` does it: observe all hosts, compare, find nothing to change. The second observes,
looks again, and converges. Beside it the bare command: `true` over a connection of asyncssh's, which the plane
uses too, on all hosts in parallel. All hosts of the lab share this machine's processors.

Ansible is ansible-core with its fastest settings: pipelining, a fork for each host, connections that stay open, no
gathering of facts. playbook.py says what its 45 tasks are. Its time includes
the start of `ansible-playbook`; the plane's includes none, as `apply` has started long before. The last but one
line adds what starting Python and importing the plane takes.

Last line: `converge_ratio NOTHING EVERYTHING SECONDS ANSIBLE_SECONDS SECONDS ANSIBLE_SECONDS` (medians; NOTHING is
1/30 or less if Ansible takes 30 times as long). The bounds are 1/30 and 1/8.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import asyncssh

from edgewrap.hosts.desired import desired_hosts
from edgewrap.hosts.plane import HostsPlan, HostsPlane
from edgewrap.hosts.render.files import OWN_PATHS
from edgewrap.outputs import Outputs
from edgewrap.plane import Context
from edgewrap.spec.load import load_spec
from tests.bench.playbook import write_play
from tests.support.cluster import hosts_plane, key_file, read_outputs, write_spec
from tests.support.lab import Lab

HOSTS = int(os.environ.get("HOSTS", "3"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
WAIT_S = 60
SPEC = f"name: edge-bench\naws: {{ region: eu-west-3 }}\nhosts: {{ count: {HOSTS} }}\n"
ANSIBLE_CFG = f"""[defaults]
host_key_checking = False
forks = {HOSTS}
gathering = explicit
[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=600s
"""
_KEEP = "cp -a /etc/frr /var/tmp/frr"
# The hosts end with it: what is in their kernels is removed, too.
_RENEW = """
set -e
rm -rf "$@" /var/lib/edgewrap /etc/frr
cp -a /var/tmp/frr /etc/frr
rmdir --ignore-fail-on-non-empty /etc/edgewrap /etc/systemd/system/nftables.service.d
for file in /etc/hosts /etc/libvirt/qemu.conf; do
    [ ! -f $file ] || sed -i '/^# edgewrap: begin/,/^# edgewrap: end/d' $file
done
rm -f /etc/systemd/system/multi-user.target.wants/edgewrap-*.service
systemctl disable --quiet frr.service
systemctl --no-block reboot
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """Some hosts. `command` runs Ansible."""

    lab: Lab
    plane: HostsPlane
    outputs: Outputs
    command: tuple[str, ...] = ()

    def look(self) -> HostsPlan:
        """What the hosts need."""
        context = Context(self.outputs)
        with self.lab.network():
            observation = self.plane.observe(context)
        for error in observation.failures.values():
            raise error
        return self.plane.plan(observation, context)

    def need_nothing(self) -> None:
        """What an apply does with hosts that need nothing: it only plans."""
        if changes := self.look().changes:
            sys.exit(f"{len(changes)} changes on hosts that should need none: {changes[:5]}")

    def need_everything(self) -> None:
        """What an apply does with new hosts."""
        plan = self.look()
        with self.lab.network():
            result = self.plane.apply(plan, Context(self.outputs, wait_s=WAIT_S))
        for error in result.failures.values():
            raise error

    def ansible(self) -> None:
        """Ansible does what is needed."""
        done = self.lab.run(*self.command, check=False)
        if done.returncode:
            sys.exit(done.stdout[-2000:] + done.stderr)

    def bare(self) -> None:
        """`true` on each host, in parallel."""
        with self.lab.network():
            asyncio.run(self._true_everywhere())

    def renew(self) -> None:
        """Make the hosts what they were at first, and wait until they have booted."""

        def one(host: str) -> None:
            before = self._boot_of(host)
            files = " ".join(OWN_PATHS)
            self.lab.run("sh", "-c", f"set -- {files}\n{_RENEW}", place=host, check=False)
            deadline = time.monotonic() + WAIT_S
            while self._boot_of(host) in ("", before):
                if time.monotonic() > deadline:
                    sys.exit(f"{host} does not boot")
                time.sleep(0.5)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(one, self.outputs.hosts))

    def _boot_of(self, host: str) -> str:
        """Which boot it is: when its systemd began; empty while it is not all up."""
        states = "systemctl is-system-running --wait >/dev/null; stat -c %Y /proc/1"
        return self.lab.run("sh", "-c", states, place=host, check=False, timeout=WAIT_S).stdout.strip()

    async def _true_everywhere(self) -> None:
        key = asyncssh.read_private_key(key_file(self.lab))

        async def one(address: str) -> None:
            async with asyncssh.connect(
                address, username="ubuntu", client_keys=[key], known_hosts=None, config=None, agent_path=None
            ) as connection:
                await connection.run("true", check=True)

        await asyncio.gather(*(one(host.address) for host in self.outputs.hosts.values()))


def ansible_command(bench: Bench, spec: Path, directory: Path) -> tuple[str, ...]:
    """Write the playbook, its inventory and its settings; gives the command. The hosts are new."""
    loaded = load_spec(spec, os.environ)
    desired = desired_hosts(loaded, bench.outputs)
    hosts = {key: desired(key) for key in bench.outputs.hosts}
    plan = bench.look()
    paths = {str(Path(one.write.row.path).parent) for one in plan.operations["host-0"] if one.write is not None}
    test = "for path; do [ -d $path ] || echo $path; done"
    missing = bench.lab.run("sh", "-c", test, "test", *sorted(paths), place="host-0").stdout.split()
    variables = write_play(directory, hosts, plan.facts.facts, missing)
    inventory: dict[str, Any] = {
        key: {"ansible_host": host.address, "ansible_user": "ubuntu", **variables[key]}
        for key, host in bench.outputs.hosts.items()
    }
    common = {
        "ansible_ssh_private_key_file": str(key_file(bench.lab)),
        "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    (directory / "inventory.json").write_text(json.dumps({"all": {"hosts": inventory, "vars": common}}))
    (directory / "ansible.cfg").write_text(ANSIBLE_CFG)
    (play,) = json.loads((directory / "play.json").read_text())
    tasks = sum("meta" not in task for task in play["tasks"])
    print(f"{len(plan.operations['host-0'])} operations on host-0; {tasks} tasks and {len(play['handlers'])} handlers")
    environment = ("LC_ALL=C.UTF-8", f"ANSIBLE_CONFIG={directory / 'ansible.cfg'}", f"HOME={directory}")
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return ("env", *environment, program, "-i", str(directory / "inventory.json"), str(directory / "play.json"))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure(bench: Bench) -> dict[str, list[float]]:
    """Seconds of each, by name."""
    for host in bench.outputs.hosts:
        bench.lab.run("sh", "-c", _KEEP, place=host)
    at_first = {change.key for change in bench.look().changes}
    times: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        for work in (bench.ansible, bench.need_everything):
            if number or work != bench.ansible:
                bench.renew()
                if differing := at_first ^ {change.key for change in bench.look().changes}:
                    sys.exit(f"the hosts are not as they were: {sorted(differing)}")
            times.setdefault(f"everything {work.__name__}", []).append(seconds(work))
            bench.need_nothing()
    start = [sys.executable, "-c", "import edgewrap.hosts.plane, asyncssh"]
    works: dict[str, Callable[[], object]] = {
        "bare": bench.bare,
        "start of Python": lambda: subprocess.run(start, check=True),
        "nothing ansible": bench.ansible,
        "nothing need_nothing": bench.need_nothing,
    }
    for number in range(ROUNDS + 1):
        for name, one in works.items():
            found = seconds(one)
            if number:  # the first warms up
                times.setdefault(name, []).append(found)
    return times


def main() -> None:
    """Set up, measure, print."""
    if find_spec("ansible") is None:
        sys.exit("this needs Ansible: PIP_CONSTRAINT=constraints.txt .venv/bin/pip install ansible-core")
    with tempfile.TemporaryDirectory(prefix="edgewrap-bench-") as name:
        directory = Path(name)
        lab = Lab(directory / "lab")
        lab.up()
        try:
            spec = write_spec(lab, directory, SPEC)
            lab.edgewrap("apply", "--file", str(spec), "--auto-approve", "--skip", "hosts")
            bench = Bench(lab, hosts_plane(spec), read_outputs(lab, spec))
            times = measure(Bench(lab, bench.plane, bench.outputs, ansible_command(bench, spec, directory)))
        finally:
            lab.down()
    report(times)


def report(times: dict[str, list[float]]) -> None:
    """Print everything."""
    for name, found in times.items():
        print(f"{name}: {' '.join(f'{value:.2f}' for value in sorted(found))} s")
    middle = {name: statistics.median(found) for name, found in times.items()}
    mine, theirs = middle["nothing need_nothing"], middle["nothing ansible"]
    whole, full = middle["everything need_everything"], middle["everything ansible"]
    start = middle["start of Python"]
    print(f"{os.cpu_count()} cores for all {HOSTS} hosts, {ROUNDS} rounds")
    print(f"with the start of Python: 1/{theirs / (mine + start):.1f} 1/{full / (whole + start):.1f}")
    print(f"converge_ratio 1/{theirs / mine:.1f} 1/{full / whole:.1f} {mine:.2f} {theirs:.2f} {whole:.2f} {full:.2f}")


if __name__ == "__main__":
    main()
