"""Calls over HTTP or HTTPS, with time-outs. Redirects are not followed.

Every call opens a new connection: if it is refused, nothing was sent, and a restart of the front-end leaves no dead
connections behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from xmlrpc.client import ProtocolError

from edgewrap.errors import FrontEndUnreachableError
from edgewrap.paths import is_file

CONNECT_TIMEOUT_S = 10.0
FIRST_TIMEOUT_S = 30.0  # before its first answer it cannot be busy with calls of this run
READ_TIMEOUT_S = 120.0  # an IPAM driver may take 90 s over an address range
_OK = 200


class Wire(Protocol):
    """Sends one XML-RPC request to the front-end and returns its answer."""

    def post(self, body: bytes) -> bytes:
        """Raises what `requests` raises, and xmlrpc.client.ProtocolError for an HTTP error."""
        ...


class HttpWire:
    """The wire over HTTP(S). Proxies in environment variables are used, as everywhere in `requests`.

    `ca_file` is the authority of an https endpoint, instead of those that this machine trusts; `insecure` skips the
    verification of certificates. `timeout_s`: seconds for an answer, at most 30 for the first one.
    """

    def __init__(
        self, endpoint: str, *, ca_file: Path | None = None, insecure: bool = False, timeout_s: float = READ_TIMEOUT_S
    ) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._answered = False
        self._verify: bool | str = not insecure
        if ca_file is not None and not insecure:
            if not is_file(ca_file):
                raise FrontEndUnreachableError(
                    f"{ca_file} cannot be read",
                    cause="the file in opennebula.ca_file does not exist",
                    advice="set it to the file of the authority that signed the front-end's certificate",
                )
            self._verify = str(ca_file)

    def post(self, body: bytes) -> bytes:
        import requests
        import urllib3

        timeout_s = self._timeout_s if self._answered else min(self._timeout_s, FIRST_TIMEOUT_S)
        if self._verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the run warns once, when it connects
        answer = requests.post(
            self._endpoint,
            data=body,
            headers={"Content-Type": "text/xml"},
            timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            verify=self._verify,
            allow_redirects=False,  # the body carries the password
        )
        if answer.status_code != _OK:
            raise ProtocolError(self._endpoint, answer.status_code, answer.reason, dict(answer.headers))
        self._answered = True
        return answer.content
