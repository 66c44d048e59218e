"""What may be sent again, and for how long: reads while a front-end restarts, writes only where nothing was sent.

A front-end that has not answered yet in this run is told at once: nothing was changed. One that has is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

PATIENCE_S = 60.0  # how long one call waits for a front-end that restarts
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
_SERVER_ERROR = 500
_READS = (".info", "system.version", "system.config")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RetryListener:
    """Told how a wait goes. `pause` sleeps that many seconds, `waits` is called when the first attempt has failed,
    `back` with the seconds that it took."""

    pause: Callable[[float], None]
    waits: Callable[[Exception], None]
    back: Callable[[float], None]


def reads(method: str) -> bool:
    """Whether the call changes nothing, so that it may be made as often as one likes."""
    return method.endswith(_READS)


def attempts(make: Callable[[], Answer], method: str, patience_s: float, listener: RetryListener) -> Answer:
    """Make a call, again and again while it fails as it does when a front-end restarts, for `patience_s` seconds at
    most. Raises what the last attempt raised."""
    begun = time.monotonic()
    pause_s = FIRST_PAUSE_S
    waited = False
    while True:
        try:
            answer = make()
        except Exception as error:
            seconds = time.monotonic() - begun
            if seconds + pause_s > patience_s or not _may_repeat(error, method):
                raise
            if not waited:
                listener.waits(error)
            waited = True
        else:
            if waited:
                listener.back(time.monotonic() - begun)
            return answer
        listener.pause(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def may_be_done(error: Exception, method: str) -> bool:
    """Whether a call that changes something failed in a way that leaves open whether the front-end carried it out."""
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
    """A connection that is refused or breaks off, or a proxy whose front-end is away. One that hangs does not."""
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
    """Whether the other side closed a TLS connection, in the handshake or later, without a word of why: a TLS proxy
    does that while it restarts. A certificate that is refused is told from it by its kind."""
    from ssl import SSLEOFError, SSLZeroReturnError

    from urllib3.exceptions import MaxRetryError

    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else None
    return any(isinstance(one, (SSLEOFError, SSLZeroReturnError)) for one in getattr(reason, "args", ()))
