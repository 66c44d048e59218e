"""Errors of connections to hosts and of scripts on them: the cause and the advice for the raw message."""

from __future__ import annotations

import os
from collections.abc import Iterator

from edgewrap.errors import HostUnreachableError
from edgewrap.hosts.remedies import CONNECTION, NO_ROUTE, NOT_SSH, PROXY, PROXY_FAILED, SCRIPT
from edgewrap.outputs import HostOutput
from edgewrap.remedies import Remedy, find_remedy


class ConnectionProblem(Exception):  # noqa: N818 - internal; the caller gets HostUnreachableError
    """One failed attempt to connect: its remedy, and the original message."""

    def __init__(self, remedy: Remedy, detail: str = "") -> None:
        super().__init__(f"{remedy.cause} ({detail})" if detail else remedy.cause)
        self.remedy = remedy

    def error(self, host: HostOutput) -> HostUnreachableError:
        """The problem as an error of the host."""
        what = f"no SSH connection to {host.name}"
        return HostUnreachableError(host.key, what, cause=str(self), advice=self.remedy.advice)


def problem_of(error: Exception) -> ConnectionProblem:
    """The problem for an exception of asyncssh or of the operating system."""
    remedy = find_remedy(CONNECTION, "; ".join(_words(cause) for cause in _causes(error))) or NOT_SSH
    detail = getattr(error, "reason", "")  # asyncssh's, without the class
    if not detail and remedy in (NO_ROUTE, NOT_SSH):  # the cause alone is not enough
        detail = str(error) or type(error).__name__
    return ConnectionProblem(remedy, detail)


def proxy_problem(words: str) -> ConnectionProblem:
    """The problem for a `ssh.proxy_command` that printed the error `words`."""
    return ConnectionProblem(find_remedy(PROXY, words) or PROXY_FAILED, words)


def cause_and_advice(words: str, otherwise: str) -> tuple[str, str]:
    """Cause and advice for a script that failed with the errors `words`; `otherwise` is the advice if no row of the
    table matches."""
    remedy = find_remedy(SCRIPT, words)
    return (f"{remedy.cause} ({words})", remedy.advice) if remedy else (words, otherwise)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and each one in it if it is a group of several attempts (one for each address)."""
    yield error
    for inner in getattr(error, "exceptions", ()):
        yield from _causes(inner)


def _words(error: BaseException) -> str:
    number = error.errno if isinstance(error, OSError) else None
    meaning = f" ({os.strerror(number)})" if number and number > 0 else ""
    return f"{type(error).__name__}: {error}{meaning}"
