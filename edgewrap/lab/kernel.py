"""The kernel's network: named namespaces, `ip -batch`, `nft -f`, sysctls.

Everything runs inside the lab's wrapper. Each call raises KernelError with the tool's message.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

NAMESPACES = Path("/run/netns")
"""Where `ip netns` keeps the files of named namespaces."""

_CLONE_NEWNET = 0x40000000


class KernelError(Exception):
    """A tool of the kernel's network failed."""


async def run(*command: str, given: str = "") -> str:
    """Run a tool, `given` on its standard input; returns its standard output."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, complaint = await process.communicate(given.encode())
    if process.returncode:
        raise KernelError(f"{' '.join(command)}: {complaint.decode(errors='replace').strip()}\n{given}".rstrip())
    return output.decode()


async def ip(namespace: str, commands: Iterable[str], *, force: bool = False) -> None:
    """Run `ip` commands in a namespace (`""`: this process's own), in one process.

    With `force`, the rest is run if one fails, and nothing is raised.
    """
    batch = "\n".join(commands)
    if not batch:
        return
    where = ("-n", namespace) if namespace else ()
    if not force:
        await run("ip", *where, "-batch", "-", given=batch + "\n")
        return
    try:
        await run("ip", *where, "-force", "-batch", "-", given=batch + "\n")
    except KernelError:
        return


async def nft(namespace: str, ruleset: str) -> None:
    """Load an nft file in a namespace: all of it or nothing."""
    await run("ip", "netns", "exec", namespace, "nft", "-f", "-", given=ruleset)


async def read_nft(namespace: str, *what: str) -> str:
    """What `nft -j` lists in a namespace, as JSON."""
    return await run("ip", "netns", "exec", namespace, "nft", "-j", *what)


async def add_namespace(name: str, sysctls: Mapping[str, str]) -> None:
    """Create a named namespace with its loopback up."""
    await run("ip", "netns", "add", name)
    await ip(name, ["link set lo up"])
    write_sysctls(name, sysctls)


async def delete_namespace(name: str) -> None:
    """Remove a namespace's name; the namespace is deleted when its last process ends."""
    if (NAMESPACES / name).exists():
        await run("ip", "netns", "delete", name)


def write_sysctls(namespace: str, values: Mapping[str, str], *, optional: bool = False) -> None:
    """Write sysctls (`net/ipv4/ip_forward`) in a namespace. `optional`: skip those that the kernel does not have."""

    def write() -> None:
        for name, value in values.items():
            file = Path("/proc/sys") / name
            if file.exists() or not (optional or name.startswith("net/ipv6/")):  # a kernel may have no IPv6
                file.write_text(value)

    if values:
        inside(namespace, write)


def inside(namespace: str, action: Callable[[], None]) -> None:
    """Call `action` in a new thread within the network namespace; its exception is raised here."""
    failures: list[BaseException] = []

    def enter_and_act() -> None:
        try:
            descriptor = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {namespace}")
            finally:
                os.close(descriptor)
            action()
        except BaseException as error:  # raised again below, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=enter_and_act)
    thread.start()
    thread.join()
    if failures:
        raise KernelError(f"{namespace}: {failures[0]}") from failures[0]
