"""Why there is no SSH connection: the kinds that need different advice, and whether waiting can help."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from edgewrap.errors import HostUnreachableError
from edgewrap.outputs import HostOutput


class Kind(Enum):
    """A kind of trouble: its cause, and what to do."""

    REFUSED = (
        "the connection was refused: nothing listens on port 22 yet",
        "a metal host takes up to 20 minutes to boot; run it again later, or look at the instance's console",
    )
    TIMED_OUT = (
        "no answer: the host is still booting, or a firewall or security group drops the connection",
        "check that ssh.from in the spec covers the address you come from, and that the instance passes its checks",
    )
    NO_ROUTE = (
        "no route to it from here",
        "check this machine's network; a host without a public address needs a VPN or ssh.proxy_command",
    )
    NAME = (
        "its name cannot be resolved",
        "check this machine's name service",
    )
    AUTHENTICATION = (
        "it refused the login",
        "check ssh.user and ssh.public_key: the private key must lie beside the public one or be in the SSH agent",
    )
    PROXY = (
        "ssh.proxy_command failed",
        "run the command by hand with {instance_id} and {host} filled in",
    )
    PROTOCOL = (
        "what answered broke the connection off or does not speak SSH as expected",
        "check what listens at that address; a host that is booting or shutting down does this for a moment",
    )

    @property
    def cause(self) -> str:
        """The likely cause, in words."""
        return self.value[0]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed attempt: its kind, and the words of whoever reported it."""

    kind: Kind
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind.cause} ({self.detail})" if self.detail else self.kind.cause

    def error(self, host: HostOutput) -> HostUnreachableError:
        """The trouble as the error of the host."""
        return HostUnreachableError(
            host.key, f"no SSH connection to {host.name}", cause=str(self), advice=self.kind.advice
        )


_NO_ROUTE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}


def trouble_of(error: Exception) -> Trouble:
    """The trouble behind an exception of asyncssh or of the operating system."""
    import asyncssh

    if isinstance(error, asyncssh.PermissionDenied):
        return Trouble(Kind.AUTHENTICATION, error.reason)
    if isinstance(error, socket.gaierror):
        return Trouble(Kind.NAME, str(error.strerror))
    numbers = {cause.errno for cause in _causes(error) if isinstance(cause, OSError)}
    if isinstance(error, TimeoutError) or errno.ETIMEDOUT in numbers:
        return Trouble(Kind.TIMED_OUT)
    if errno.ECONNREFUSED in numbers:
        return Trouble(Kind.REFUSED)
    if numbers & _NO_ROUTE:
        return Trouble(Kind.NO_ROUTE, _words(error))
    return Trouble(Kind.PROTOCOL, _words(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and for one that stands for several attempts (one an address) each of these."""
    yield error
    for inner in getattr(error, "exceptions", ()):
        yield from _causes(inner)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
