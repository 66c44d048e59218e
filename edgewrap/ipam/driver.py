"""Register and unregister, within the time that the front-end gives. An error is one line on standard error, which the
operator sees."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

from edgewrap.errors import EdgewrapError, IpamError
from edgewrap.ipam.protocol import range_text, read_range, require_plain
from edgewrap.ipam.quick import MOST_BYTES
from edgewrap.safe_text import safe_line
from edgewrap.secrets import remember_environment

WORK_S, CLEAN_UP_S = 40.0, 15.0  # the front-end waits 90 s
REGISTER, UNREGISTER = "register_address_range", "unregister_address_range"


class _StoppedError(BaseException):
    """The time is over, or the front-end ends the driver. Not an Exception, so that no library catches it."""


def run(action: str) -> int:
    """Do what the front-end asks on standard input. Returns the exit code."""
    remember_environment(os.environ)
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    signal.setitimer(signal.ITIMER_REAL, WORK_S)
    try:
        answer = _answer(action)
        answer.write()
    except EdgewrapError as error:
        return _fail(error, error)
    except _StoppedError as error:
        what = f"AWS did not answer within {WORK_S:.0f} s" if str(error) == "SIGALRM" else f"ended by {error}"
        left = "the Elastic IP may not be released yet" if action == UNREGISTER else "nothing is left in AWS"
        return _fail(IpamError(what, cause=left, advice="try it again"), error)
    except Exception as error:
        failure = IpamError(f"{type(error).__name__}", cause="a bug in edgewrap", advice="report it")
        return _fail(failure, error)
    return 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """The text for standard output, and what to do if it cannot be written: then the front-end knows no range."""

    text: str = ""
    undo: Callable[[BaseException], None] = lambda _error: None

    def write(self) -> None:
        """From here on nothing ends the driver. Raises IpamError if nobody reads."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        try:
            os.write(1, self.text.encode())
        except OSError as error:
            failure = IpamError(
                "the answer could not be written",
                cause=error.strerror or "",
                advice="nothing is left in AWS; try it again",
            )
            self.undo(failure)
            raise failure from None


def _stop(number: int, _frame: FrameType | None) -> None:
    """End what is running; then there is some time to release what it allocated."""
    signal.setitimer(signal.ITIMER_REAL, CLEAN_UP_S)
    raise _StoppedError(signal.Signals(number).name)


def _fail(failure: EdgewrapError, error: BaseException) -> int:
    """One line: the front-end joins lines without a space between them."""
    notes: list[str] = getattr(error, "__notes__", [])
    text = f"edgewrap: {failure.what}: {'; '.join(notes) or failure.cause}; {failure.advice}"
    sys.stderr.write(safe_line(text) + "\n")
    return 1


def _answer(action: str) -> _Answer:
    if action not in (REGISTER, UNREGISTER):
        raise IpamError(
            f"{action or 'nothing'} is not an action of an IPAM driver",
            cause="the front-end calls the driver's scripts by their names",
            advice="run `edgewrap ipam install` on the front-end",
        )
    attributes = read_range(sys.stdin.buffer.read(MOST_BYTES))
    from edgewrap.aws.clients import Clients
    from edgewrap.aws.elastic_ips import ElasticIps
    from edgewrap.ipam.register import new_request, register, undo, unregister
    from edgewrap.ipam.specs import CLUSTER_ATTRIBUTE, spec_at, spec_named

    if action == UNREGISTER:
        spec = spec_at(attributes.get("IP", ""), os.environ)
        if spec is not None:
            unregister(attributes, ElasticIps(spec, Clients(spec, os.environ)))
        return _Answer()
    require_plain(attributes)
    spec = spec_named(attributes.get(CLUSTER_ATTRIBUTE, "").strip(), os.environ)
    addresses, request = ElasticIps(spec, Clients(spec, os.environ)), new_request()
    text = range_text(register(attributes, addresses, spec.name, request))
    return _Answer(text, lambda error: undo(addresses, request, error))
