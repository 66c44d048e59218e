"""Calls over HTTP or HTTPS, with limits of time and size. Redirects are not followed.

Every call opens a new connection: if it is refused, nothing was sent, and a restart of the front-end leaves no dead
connections behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from xmlrpc.client import ProtocolError

from edgewrap.errors import FrontEndUnreachableError
from edgewrap.limits import joined, within
from edgewrap.paths import is_file

CONNECT_TIMEOUT_S = 10.0
FIRST_TIMEOUT_S = 30.0  # before its first answer it cannot be busy with calls of this run
READ_TIMEOUT_S = 120.0  # an IPAM driver may take 90 s over an address range
MOST_BYTES = 128 << 20  # of an answer; a pool of 10,000 VMs has about 60 MB
_CHUNK = 1 << 16
_OK = 200


class Wire(Protocol):
    """Sends one XML-RPC request to the front-end and returns its answer."""

    def post(self, body: bytes) -> bytes:
        """Raises what `requests` raises, and xmlrpc.client.ProtocolError for an HTTP error."""
        ...


class HttpWire:
    """The wire over HTTP(S). Proxies in environment variables are used, as everywhere in `requests`.

    `ca_file` is the authority of an https endpoint, instead of those that this machine trusts; `insecure` skips the
    verification of certificates. `timeout_s`: seconds for a whole answer, at most 30 for the first one.
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

        timeout_s = self._timeout_s if self._answered else min(self._timeout_s, FIRST_TIMEOUT_S)
        try:
            content = within(timeout_s, lambda: self._exchange(body, timeout_s))
        except TimeoutError as error:
            raise requests.ReadTimeout(f"no complete answer within {timeout_s:.0f} s") from error
        self._answered = True
        return content

    def _exchange(self, body: bytes, timeout_s: float) -> bytes:
        import requests
        import urllib3

        if self._verify is False:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the run warns once, when it connects
        with requests.post(
            self._endpoint,
            data=body,
            headers={"Content-Type": "text/xml", "Accept-Encoding": "identity"},
            timeout=(min(CONNECT_TIMEOUT_S, timeout_s), timeout_s),
            verify=self._verify,
            allow_redirects=False,  # the body carries the password
            stream=True,
        ) as answer:
            if answer.status_code != _OK:
                raise ProtocolError(self._endpoint, answer.status_code, answer.reason, dict(answer.headers))
            if answer.headers.get("Content-Encoding", "identity") != "identity":  # it may unpack to any size
                raise requests.exceptions.ContentDecodingError("it is compressed, which was not asked for")
            return joined(answer.iter_content(_CHUNK), MOST_BYTES)
