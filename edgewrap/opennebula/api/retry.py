"""Which calls are repeated, and how long: reads while a front-end restarts, writes only if nothing was sent.

If a front-end has not answered yet in this run, its failure is an error at once: nothing was changed.
"""

from __future__ import annotations

from ssl import SSLEOFError, SSLZeroReturnError
from xmlrpc.client import ProtocolError

PATIENCE_S = 60.0  # how long one call is repeated while a front-end restarts
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
_SERVER_ERROR = 500
_READS = (".info", "system.version", "system.config")


def reads(method: str) -> bool:
    """Whether the call changes nothing, so that it is safe to repeat."""
    return method.endswith(_READS)


def may_repeat(error: Exception, method: str) -> bool:
    """Whether a call may be made again after this error, which a front-end that restarts can cause."""
    return nothing_was_sent(error) or (reads(method) and _restarts(error))


def may_be_done(error: Exception, method: str) -> bool:
    """Whether a call that changes something failed so that nobody can say whether the front-end carried it out."""
    import pyone

    if reads(method) or isinstance(error, pyone.OneException) or nothing_was_sent(error):
        return False
    return not isinstance(error, ProtocolError) or error.errcode >= _SERVER_ERROR


def nothing_was_sent(error: Exception) -> bool:
    """Whether there was no connection at all."""
    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(error, requests.ConnectTimeout):
        return True
    return isinstance(error, requests.ConnectionError) and isinstance(_reason(error), NewConnectionError)


def _restarts(error: Exception) -> bool:
    """A connection that is refused or breaks off, or a proxy without its front-end. One that hangs is not repeated.

    If the other side closes a TLS connection, in the handshake or later, without a reason, a TLS proxy restarts. A
    certificate that is refused is an error of another class.
    """
    import requests

    if isinstance(error, ProtocolError):
        return error.errcode >= _SERVER_ERROR
    if isinstance(error, requests.exceptions.SSLError):
        return any(isinstance(one, (SSLEOFError, SSLZeroReturnError)) for one in getattr(_reason(error), "args", ()))
    if isinstance(error, requests.exceptions.ProxyError):
        return False
    return isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError))


def _reason(error: Exception) -> Exception | None:
    """What urllib3 gave up for, below an error of `requests`."""
    from urllib3.exceptions import MaxRetryError

    inner = error.args[0] if error.args else None
    return inner.reason if isinstance(inner, MaxRetryError) else None
