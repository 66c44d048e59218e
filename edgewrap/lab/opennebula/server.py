"""The front-end as an XML-RPC server on 127.0.0.1, at /RPC2."""

from __future__ import annotations

import logging
import socketserver
import xmlrpc.client
from typing import Any
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from edgewrap.lab.opennebula import methods
from edgewrap.lab.opennebula.calls import BadCall, Refusal
from edgewrap.lab.opennebula.frontend import FrontEnd

HOST = "127.0.0.1"
PATH = "/RPC2"
_UNKNOWN_METHOD, _PARSE_ERROR, _INTERNAL_ERROR = -506, -503, -500
_log = logging.getLogger(__name__)


def respond(one: FrontEnd, method: str, params: tuple[object, ...]) -> list[object]:
    """The answer as the front-end sends it: `[True, value, 0]` or `[False, text, code, object id, -1]`.

    Raises xmlrpc.client.Fault if a real one answers with a fault.
    """
    try:
        return [True, methods.call(one, method, params), 0]
    except Refusal as refusal:
        return [False, f"[{method}] {refusal.text}", int(refusal.code), refusal.object_id, -1]
    except BadCall as bad:
        raise xmlrpc.client.Fault(bad.code, str(bad)) from bad
    except KeyError as missing:
        if method in methods.METHODS:
            raise
        raise xmlrpc.client.Fault(_UNKNOWN_METHOD, f"Method '{method}' not defined") from missing


class _Handler(SimpleXMLRPCRequestHandler):
    rpc_paths = (PATH,)
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that an idle connection is kept

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        _log.debug(format, *args)


class Server(socketserver.ThreadingMixIn, SimpleXMLRPCServer):
    """Serves one front-end; one call at a time."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, one: FrontEnd, port: int) -> None:
        self.one = one
        super().__init__((HOST, port), requestHandler=_Handler, logRequests=False)

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://{HOST}:{self.server_address[1]}{PATH}"

    def _marshaled_dispatch(self, data: Any, *_: Any) -> Any:
        try:
            params, method = xmlrpc.client.loads(data)
        except Exception as error:
            return _packed(xmlrpc.client.Fault(_PARSE_ERROR, f"Call is not valid XML-RPC. {error}"))
        try:
            return _packed((respond(self.one, method or "", params),))
        except xmlrpc.client.Fault as fault:
            return _packed(fault)
        except Exception as error:
            _log.exception("%s failed", method)
            return _packed(xmlrpc.client.Fault(_INTERNAL_ERROR, f"{type(error).__name__}: {error}"))


def _packed(answer: tuple[list[object]] | xmlrpc.client.Fault) -> bytes:
    return xmlrpc.client.dumps(answer, methodresponse=True).encode()
