"""A small typed wrapper over pyone: its answers as XML elements and numbers, its failures as our errors.

pyone's bindings drop the attributes of an address range that they do not know, so the tree they are made from is
read instead. Its own transport knows no time-out, so it is given another one, which tests can swap.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from edgewrap.errors import EdgewrapError, FrontEndUnreachableError
from edgewrap.opennebula.failures import translate
from edgewrap.opennebula.session import Session
from edgewrap.opennebula.template import Template, write

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0  # an IPAM driver may take 90 s over an address range
SHORTEST_PAUSE_S = 0.1

Argument = int | str | bool | Template


class Wire(Protocol):
    """What carries one XML-RPC request to the front-end and its answer back."""

    def post(self, body: bytes) -> bytes:
        """Raises what `requests` raises, and xmlrpc.client.ProtocolError for an HTTP error."""
        ...


class HttpWire:
    """The wire over HTTP(S). Environment variables for proxies are honoured, as everywhere in `requests`."""

    def __init__(self, endpoint: str, *, ca_file: Path | None = None, timeout_s: float = READ_TIMEOUT_S) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._verify: bool | str = True
        if ca_file is not None:
            if not ca_file.is_file():
                raise FrontEndUnreachableError(
                    f"{ca_file} cannot be read",
                    cause="opennebula.ca_file names a file that is not there",
                    advice="name the file of the authority that signed the front-end's certificate",
                )
            self._verify = str(ca_file)

    def post(self, body: bytes) -> bytes:
        from xmlrpc.client import ProtocolError

        import requests

        answer = requests.post(
            self._endpoint,
            data=body,
            headers={"Content-Type": "text/xml"},
            timeout=(min(CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s),
            verify=self._verify,
        )
        if not answer.ok:
            raise ProtocolError(self._endpoint, answer.status_code, answer.reason, dict(answer.headers))
        return answer.content


class FrontEnd:
    """One front-end, as one user. `wire` carries the calls; without one they go to `endpoint` over HTTP.

    Every call raises AuthenticationError, AuthorizationError, FrontEndUnreachableError, InUseError, NameTakenError,
    NoSuchObjectError or OpenNebulaError.
    """

    def __init__(self, endpoint: str, session: Session, *, wire: Wire | None = None) -> None:
        self.endpoint = endpoint
        self.user = session.user
        self._session = session
        self._wire = wire or HttpWire(endpoint)
        self._server: Any = None

    def read(self, method: str, *arguments: Argument) -> Element:
        """Call `one.METHOD`, which answers with XML: its root element."""
        answer = self._call(method, arguments)
        return cast("Element", answer.gds_elementtree_node_)

    def call(self, method: str, *arguments: Argument) -> int | str:
        """Call `one.METHOD`, which answers with a number (the object's id) or a word. Templates are written as text."""
        return cast("int | str", self._call(method, arguments))

    def pause(self, seconds: float) -> None:
        """Wait before looking again: never less than 0.1 s."""
        time.sleep(max(seconds, SHORTEST_PAUSE_S))

    def _call(self, method: str, arguments: tuple[Argument, ...]) -> Any:
        written = [write(argument) if isinstance(argument, Mapping) else argument for argument in arguments]
        if self._server is None:
            self._server = _server(self.endpoint, self._session, self._wire)
        try:
            return reduce(getattr, method.split("."), self._server)(*written)
        except EdgewrapError:
            raise
        except Exception as error:
            raise translate(error, method, self.endpoint, self.user) from error


def _server(endpoint: str, session: Session, wire: Wire) -> Any:
    """pyone's server, its calls carried by `wire`."""
    from xmlrpc.client import getparser

    import pyone

    def request(_host: str, _handler: str, body: bytes, **_options: object) -> Any:
        parser, answer = getparser()
        parser.feed(wire.post(body))
        parser.close()
        return answer.close()

    server: Any = pyone.OneServer(endpoint, session.secret, protocol="xmlrpc")
    server("transport").request = request
    return server
