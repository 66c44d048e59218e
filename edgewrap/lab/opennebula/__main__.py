"""`python -m edgewrap.lab.opennebula`: the lab's front-end as a process of its own.

It prints one line of JSON when it is ready and exits on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

from edgewrap.lab.opennebula import methods
from edgewrap.lab.opennebula.execution import Settler
from edgewrap.lab.opennebula.frontend import RETRY_S, FrontEnd
from edgewrap.lab.opennebula.ipam import TIMEOUT_S, Drivers
from edgewrap.lab.opennebula.monitoring import LOOKUP_S, Login, Monitor
from edgewrap.lab.opennebula.release import RELEASES, full_version
from edgewrap.lab.opennebula.server import Server
from edgewrap.lab.opennebula.store import Store
from edgewrap.lab.opennebula.system import drivers

AUTH_VARIABLE = "EDGEWRAP_LAB_ONE_AUTH"
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.die_with_parent:
        die_with_parent()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    name, _, password = _credentials(options.auth_file).partition(":")
    if not name or not password:
        parser.error(f"--auth-file, or {AUTH_VARIABLE} in the environment, must hold USER:PASSWORD")
    if options.monitor == "ssh" and not (options.ssh_key and options.allow_network):
        parser.error("--monitor ssh needs --ssh-key and --allow-network")
    store = Store(options.database)
    one = FrontEnd(
        store,
        RELEASES[options.version],
        options.monitor,
        settle=options.settle,
        interval=options.monitor_interval,
        retry=options.monitor_retry,
    )
    methods.bootstrap(one, name, password)
    server = Server(one, options.port)
    one.ipam = _drivers(options, server.url)
    settler = Settler(one)
    monitor = _monitor(one, options) if options.monitor == "ssh" else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown, daemon=True).start())
    if monitor:
        monitor.start()
    settler.start()
    print(
        json.dumps({"ready": True, "url": server.url, "version": one.release.version, "pid": os.getpid()}), flush=True
    )
    try:
        server.serve_forever(poll_interval=0.1)
    finally:
        if monitor:
            monitor.stop()
        server.server_close()
        settler.stop()
        one.ipam.stop()
        settler.join(10)
        store.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edgewrap.lab.opennebula", description="The lab's OpenNebula front-end."
    )
    add = parser.add_argument
    add("--port", type=int, required=True, help="TCP port on 127.0.0.1; 0: a free one")
    add("--database", type=Path, required=True, help="SQLite file, created if missing")
    add("--auth-file", type=Path, help=f"file with USER:PASSWORD of the first user (default: {AUTH_VARIABLE})")
    add("--version", type=full_version, choices=RELEASES, default="7.0.2", help="the release to play, or its series")
    add("--monitor", choices=("ssh", "none"), default="none", help="ssh: log in to hosts; none: dummy hosts")
    add("--monitor-interval", type=float, default=2.0, metavar="SECONDS", help="how often hosts are checked")
    add("--monitor-retry", type=float, default=RETRY_S, metavar="SECONDS", help="when a host in ERROR is retried")
    add("--lookup", type=float, default=LOOKUP_S, metavar="SECONDS", help="how long the lookup of a name takes to fail")
    add(
        "--settle", type=float, default=0.2, metavar="SECONDS", help="how long changes of networks, images and VMs take"
    )
    add("--ssh-key", type=Path, help="private key for the hosts")
    add("--ssh-user", default="oneadmin", help="user on the hosts")
    add("--ssh-port", type=int, default=22, help="TCP port of the hosts' SSH servers")
    add("--allow-network", type=IPv4Network, action="append", default=[], help="connect to hosts in it; repeatable")
    add("--names", action="store_true", help="look up the names of hosts; without it hosts have addresses only")
    add("--var", type=Path, help="directory of known_hosts, where IPAM drivers run (default: that of the database)")
    add("--remotes", type=Path, metavar="DIR", help="has ipam/NAME/ACTION, the drivers (default: remotes in --var)")
    add("--ipam", type=_names, metavar="NAME,…", help="the IPAM drivers that may be used")
    add("--ipam-timeout", type=float, default=TIMEOUT_S, metavar="SECONDS", help="how long to wait for an IPAM driver")
    add("--die-with-parent", action="store_true", help="exit when the parent process exits")
    return parser


def _credentials(path: Path | None) -> str:
    if path is not None:
        return path.read_text(encoding="utf-8").strip()
    return os.environ.get(AUTH_VARIABLE, "")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _var(options: argparse.Namespace) -> Path:
    var: Path = (options.var or options.database.parent).absolute()
    var.mkdir(parents=True, exist_ok=True)
    return var


def _drivers(options: argparse.Namespace, url: str) -> Drivers:
    """The IPAM drivers, in this process's environment and with the variables of OpenNebula's tools."""
    var = _var(options)
    environ = {name: value for name, value in os.environ.items() if name != AUTH_VARIABLE}
    environ |= {"ONE_XMLRPC": url}
    if options.auth_file:
        environ["ONE_AUTH"] = str(options.auth_file.absolute())
    remotes = (options.remotes or var / "remotes").absolute()
    listed = options.ipam or drivers(RELEASES[options.version]).ipam
    return Drivers(remotes, var, environ, listed=listed, timeout=options.ipam_timeout)


def _monitor(one: FrontEnd, options: argparse.Namespace) -> Monitor:
    login = Login(
        key=options.ssh_key,
        user=options.ssh_user,
        known_hosts=_var(options) / "known_hosts",
        allowed=tuple(options.allow_network),
        port=options.ssh_port,
        lookup=options.lookup,
        by_name=options.names,
    )
    return Monitor(one, login)


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent process ends."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
