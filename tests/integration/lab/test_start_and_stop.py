"""A lab's life: it starts, runs commands, ends, and leaves nothing behind, however it ends."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.lab import cgroups
from edgewrap.lab.directory import ProcessId
from tests.support.lab import EDGEWRAP, Lab
from tests.support.lab_cloud import LabCloud, wait_until


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Lab]:
    """A lab that is not up yet, where the signs in its path would upset mount and a socket."""
    made = Lab(tmp_path / ("a lab: one, two; " + "long " * 20) / "lab")
    yield made
    if (made.directory / "lab.json").exists():
        made.down()


def processes_of(lab: Lab) -> dict[str, ProcessId]:
    """The supervisor, the wrapper, the first process inside, and the daemon."""
    supervisor, init = (int(lab.facts[name]["pid"]) for name in ("supervisor", "init"))
    wrapper = int(Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text())
    daemon = int(Path(f"/proc/{init}/task/{init}/children").read_text().split()[0])
    found = {"supervisor": supervisor, "wrapper": wrapper, "init": init, "daemon": daemon}
    return {name: ProcessId.of(pid) for name, pid in found.items()}


def descendants(pid: int) -> set[ProcessId]:
    """All processes below one."""
    found: set[ProcessId] = set()
    with contextlib.suppress(OSError):  # one may have ended since
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found |= {ProcessId.of(int(child)), *descendants(int(child))}
    return found


def namespaces(processes: set[ProcessId]) -> set[str]:
    kinds = ("net", "mnt", "pid", "uts", "ipc", "cgroup")
    found = set()
    for process, kind in itertools.product(processes, kinds):
        with contextlib.suppress(OSError):  # short-lived ones may have ended
            found.add(str(Path(f"/proc/{process.pid}/ns/{kind}").readlink()))
    return found


def all_processes() -> set[ProcessId]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError):
                found.add(ProcessId.of(int(entry.name)))
    return found


def lab_cgroups() -> set[Path]:
    top = cgroups.hierarchy()
    assert top is not None
    return set(top.glob("edgewrap-lab.*"))


@pytest.mark.parametrize(
    "victim", [*(pytest.param(one, marks=pytest.mark.full) for one in ("daemon", "init", "wrapper")), "supervisor"]
)
def test_a_killed_lab_leaves_nothing_behind(fresh: Lab, victim: str) -> None:
    mounts = Path("/proc/self/mounts").read_text()
    fresh.up()
    cloud = LabCloud(fresh)
    host = cloud.launch(cloud.make_network(), 0)
    cloud.ready(host)
    lab_processes = processes_of(fresh)
    below = descendants(lab_processes["supervisor"].pid)
    assert len(below) > 10  # systemd and its services among them
    made = {path for path in lab_cgroups() if f".{lab_processes['supervisor'].pid}." in path.name}
    assert len(made) == 1
    own = namespaces(below) - namespaces({ProcessId.of(os.getpid())})
    assert len(own) >= 10
    # Now: afterwards the kernel gives the numbers of these namespaces to others.
    within = {process for process in all_processes() if own & namespaces({process})}
    os.kill(lab_processes[victim].pid, signal.SIGKILL)
    wait_until(lambda: not any(process.alive() for process in below | within), 5)
    wait_until(lambda: not lab_processes["supervisor"].alive(), 5)
    assert Path("/proc/self/mounts").read_text() == mounts
    assert not (all_processes() & (below | within))
    if victim == "supervisor":  # then nobody is left to remove it, until the next lab begins
        cgroups.sweep()
    assert not made & lab_cgroups()
    assert fresh.exec("true", check=False).returncode == 1
    fresh.up()  # in the same directory
    assert fresh.exec("true").returncode == 0


def test_down_ends_every_process(fresh: Lab) -> None:
    fresh.up()
    below = descendants(fresh.facts["supervisor"]["pid"])
    fresh.down()
    assert not any(process.alive() for process in below)
    assert fresh.tool("lab", "down", check=False).returncode == 1


def test_two_labs_are_isolated(fresh: Lab, tmp_path: Path) -> None:
    other = Lab(tmp_path / "other")
    fresh.up()
    other.up()
    clouds = LabCloud(fresh), LabCloud(other)
    hosts = [cloud.launch(cloud.make_network(), 0) for cloud in clouds]
    for cloud, host in zip(clouds, hosts, strict=True):
        cloud.ready(host)
        cloud.on(host, f"hostname {host.id}")
    assert hosts[0].public == hosts[1].public
    for cloud, host in zip(clouds, hosts, strict=True):
        assert cloud.ssh(host.public, "hostname").stdout.strip() == host.id
    other.down()
    assert clouds[0].ssh(hosts[0].public, "hostname").stdout.strip() == hosts[0].id


def test_errors_when_already_running_or_not_running(fresh: Lab) -> None:
    for command in (["exec", "true"], ["status"], ["vm", "list"], ["down"]):
        done = fresh.tool("lab", *command, check=False)
        assert done.returncode == 1
        assert "is not running" in done.stderr
    fresh.up()
    again = fresh.tool("lab", "up", check=False)
    assert again.returncode == 1
    assert "is running already" in again.stderr
    assert fresh.exec("true").returncode == 0


def test_a_directory_with_other_files_is_not_emptied(fresh: Lab) -> None:
    fresh.directory.mkdir(parents=True)
    precious = fresh.directory / "thesis.tex"
    precious.write_text("years of work")
    done = fresh.tool("lab", "up", check=False)
    assert done.returncode == 1
    assert "thesis.tex" in done.stderr
    assert precious.read_text() == "years of work"


def test_exec_passes_exit_status_streams_environment_and_directory(lab: Lab, tmp_path: Path) -> None:
    assert lab.exec("sh", "-c", "exit 7", check=False).returncode == 7
    missing = lab.exec("no-such-command", check=False)
    assert missing.returncode == 127
    assert "no-such-command" in missing.stderr
    assert lab.exec("sh", "-c", "kill -9 $$", check=False).returncode == -signal.SIGKILL
    echoed = subprocess.run(
        [EDGEWRAP, "lab", "exec", "--", "cat"], input="from outside\n", env=lab.environ, capture_output=True, text=True
    )
    assert echoed.stdout == "from outside\n"
    where = subprocess.run(
        [EDGEWRAP, "lab", "exec", "--", "pwd"], cwd=tmp_path, env=lab.environ, capture_output=True, text=True
    )
    assert where.stdout.strip() == str(tmp_path)
    hidden = {"AWS_PROFILE": "mine", "SSH_AUTH_SOCK": "/agent", "https_proxy": "http://proxy"}
    lab.environ.update(hidden)
    environment = dict(line.split("=", 1) for line in lab.exec("env").stdout.splitlines() if "=" in line)
    for name in hidden:
        lab.environ.pop(name)
        assert name not in environment
    assert environment["HOME"] == str(lab.directory / "home")
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert environment["COLUMNS"] == "200"
    assert lab.exec(EDGEWRAP, "lab", "exec", "--", "sh", "-c", "exit 9", check=False).returncode == 9  # from inside
    assert "192.0.2.1" in lab.exec("ip", "address", place="internet").stdout
    nowhere = lab.exec("true", place="nowhere", check=False)
    assert nowhere.returncode == 1
    assert "nowhere" in nowhere.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_exec_passes_signals_on_and_waits(lab: Lab, number: signal.Signals) -> None:
    script = f"trap 'sleep 0.5; echo minded; exit 5' {number.name.removeprefix('SIG')}; echo ready; sleep 60 & wait"
    running = lab.start("sh", "-c", script)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    assert running.stdout.readline() == "minded\n"
    assert running.wait(10) == 5


def test_a_command_ends_with_its_exec(lab: Lab) -> None:
    running = lab.start("sh", "-c", "echo $$; exec sleep 600")
    assert running.stdout is not None
    assert running.stdout.readline()
    child = ProcessId.of(int(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text()))
    running.kill()
    wait_until(lambda: not child.alive(), 5)


def test_ctrl_c_reaches_the_command_once(lab: Lab) -> None:
    """A terminal's interrupt goes to the whole process group; exec must not send a second one."""
    script = 'n=0; trap "n=$((n+1)); echo got" INT; echo ready; for i in 1 2 3 4 5 6 7 8; do sleep 0.2; done'
    master, slave = os.openpty()
    running = subprocess.Popen(
        ["setsid", "--ctty", EDGEWRAP, "lab", "exec", "--", "bash", "-c", script],
        env=lab.environ,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    output = b""
    while b"ready" not in output:
        output += os.read(master, 1000)
    time.sleep(0.1)
    os.write(master, b"\x03")
    running.wait(20)
    time.sleep(0.1)
    output += os.read(master, 1000)
    os.close(master)
    assert output.count(b"got") == 1


def test_without_hosts_the_servers_run_and_the_output_says_so(fresh: Lab) -> None:
    started = fresh.tool("lab", "up", "--no-hosts")
    assert "Left out: hosts: --no-hosts was given" in started.stdout
    endpoint = fresh.run("sh", "-c", "echo $AWS_ENDPOINT_URL").stdout.strip()
    assert endpoint == fresh.facts["aws_endpoint"] == "http://127.0.0.1:4566"
    assert fresh.run("ip", "-4", "route", "show").stdout == "", "there is a way out"
    fetched = fresh.run(
        "python3", "-c", f"import urllib.request as r; print(r.urlopen('{endpoint}/_lab/cloud').status)"
    )
    assert fetched.stdout == "200\n"
    refused = fresh.exec("true", place="host-0", check=False)
    assert refused.returncode == 1
    assert "without hosts" in refused.stderr
    assert "no 'vm list'" in fresh.tool("lab", "vm", "list", check=False).stderr
    below = descendants(fresh.facts["supervisor"]["pid"])
    os.kill(fresh.facts["init"]["pid"], signal.SIGKILL)
    wait_until(lambda: not any(process.alive() for process in below), 5)


def test_a_user_without_root_gets_a_lab_without_hosts(fresh: Lab) -> None:
    as_user = ["unshare", "--user", "--map-user=1000", "--map-group=1000", EDGEWRAP, "lab"]
    started = subprocess.run([*as_user, "up"], env=fresh.environ, capture_output=True, text=True)
    assert started.returncode == 0, started.stderr
    assert "Left out: hosts: only root can create network namespaces" in started.stdout
    assert fresh.status()["left_out"] == ["hosts: only root can create network namespaces"]
    assert fresh.facts["aws_endpoint"] != "http://127.0.0.1:4566"
