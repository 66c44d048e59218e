"""Which calls are repeated, and how long: reads while a front-end restarts, writes only if nothing was sent.

If a front-end has not answered yet in this run, its failure is an error at once: nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from edgewrap import poll

PATIENCE_S = 60.0  # how long one call is repeated while a front-end restarts
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
_SERVER_ERROR = 500
_READS = (".info", "system.version", "system.config")

Answer = TypeVar("Answer")


def reads(method: str) -> bool:
    """Whether the call changes nothing, so that it is safe to repeat."""
    return method.endswith(_READS)


def attempts(
    make: Callable[[], Answer],
    method: str,
    patience_s: float,
    *,
    pause: Callable[[float], None],
    waits: Callable[[Exception], None],
    back: Callable[[float], None],
) -> Answer:
    """Make a call, and repeat it while it fails as it does when a front-end restarts, at most `patience_s` seconds.
    `pause` sleeps that many seconds, `waits` is called once when the first attempt has failed, `back` with the seconds
    of the wait when the call succeeds. Raises what the last attempt raised."""
    waiting = False

    def attempt(waited_s: float) -> tuple[Answer] | None:
        nonlocal waiting
        try:
            answer = make()
        except Exception as error:
            if waited_s >= patience_s or not _may_repeat(error, method):
                raise
            if not waiting:
                waits(error)
            waiting = True
            return None
        if waiting:
            back(waited_s)
        return (answer,)

    found = poll.until(attempt, patience_s, pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S, sleep=pause)
    if found is None:
        raise AssertionError("the last attempt returns or raises")
    return found[0]


def may_be_done(error: Exception, method: str) -> bool:
    """Whether a call that changes something failed so that nobody can say whether the front-end carried it out."""
    from xmlrpc.client import ProtocolError

    import pyone

    if reads(method) or isinstance(error, pyone.OneException) or nothing_was_sent(error):
        return False
    return not isinstance(error, ProtocolError) or error.errcode >= _SERVER_ERROR


def nothing_was_sent(error: Exception) -> bool:
    """Whether there was no connection at all."""
    import requests
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    if isinstance(error, requests.ConnectTimeout):
        return True
    inner = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)


def _may_repeat(error: Exception, method: str) -> bool:
    return nothing_was_sent(error) or (reads(method) and _restarts(error))


def _restarts(error: Exception) -> bool:
    """A connection that is refused or breaks off, or a proxy without its front-end. One that hangs is not repeated."""
    from xmlrpc.client import ProtocolError

    import requests

    if isinstance(error, ProtocolError):
        return error.errcode >= _SERVER_ERROR
    if isinstance(error, requests.exceptions.SSLError):
        return _broke_off(error)
    if isinstance(error, requests.exceptions.ProxyError):
        return False
    return isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError))


def _broke_off(error: Exception) -> bool:
    """Whether the other side closed a TLS connection, in the handshake or later, without a reason: a TLS proxy does
    that while it restarts. A certificate that is refused is an error of another class."""
    from ssl import SSLEOFError, SSLZeroReturnError

    from urllib3.exceptions import MaxRetryError

    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else None
    return any(isinstance(one, (SSLEOFError, SSLZeroReturnError)) for one in getattr(reason, "args", ()))
