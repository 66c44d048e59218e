"""The metadata service: HTTP at 169.254.169.254 in each VPC's router; requests need a token.

An instance is identified by the source address of its request, which the router has checked. The response with a token
has hop limit 1: it reaches the instance, and nothing behind it.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edgewrap.lab import kernel
from edgewrap.lab.cloud import Cloud, CloudInstance
from edgewrap.lab.fabric.rules import METADATA
from edgewrap.lab.metadata.tree import answer, instance_behind

PORT = 80

_TOKEN, _LIFETIME = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"
_LONGEST_S = 21600
_HOP_LIMIT, _HOPS = 1, 64
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class _Token:
    instance_id: str
    ends: float


class MetadataService:
    """The service of all VPCs. It serves the snapshot last passed to `follow`."""

    def __init__(self) -> None:
        self._cloud: Cloud | None = None
        self._tokens: dict[str, _Token] = {}
        self._servers: dict[str, ThreadingHTTPServer] = {}

    def follow(self, cloud: Cloud) -> None:
        """Serve a new snapshot of AWS from now on."""
        self._cloud = cloud
        now = time.monotonic()
        self._tokens = {text: token for text, token in self._tokens.items() if token.ends > now}

    def open(self, vpc_id: str) -> None:
        """Listen in the router of a VPC, whose namespace has the service's address."""
        server = ThreadingHTTPServer((METADATA, PORT), self._handler(vpc_id), bind_and_activate=False)
        server.daemon_threads = True
        server.socket.close()

        def listen() -> None:
            server.socket = socket.socket()
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.socket.bind((METADATA, PORT))

        kernel.inside(vpc_id, listen)
        server.server_activate()
        threading.Thread(target=server.serve_forever, name=f"metadata {vpc_id}", daemon=True).start()
        self._servers[vpc_id] = server

    def close(self, vpc_id: str) -> None:
        """End the service of a VPC that is being removed."""
        if server := self._servers.pop(vpc_id, None):
            server.shutdown()
            server.server_close()

    def instance_at(self, vpc_id: str, address: str) -> CloudInstance | None:
        """The instance that sends requests from an address."""
        return instance_behind(self._cloud, vpc_id, address) if self._cloud else None

    def new_token(self, instance: CloudInstance, lifetime_s: int) -> str:
        """A token that is valid for this instance only."""
        text = secrets.token_urlsafe(40)
        self._tokens[text] = _Token(instance.id, time.monotonic() + lifetime_s)
        return text

    def knows(self, token: str, instance: CloudInstance) -> bool:
        """Whether it is a valid token of this instance."""
        known = self._tokens.get(token)
        return known is not None and known.instance_id == instance.id and known.ends > time.monotonic()

    def tell(self, instance: CloudInstance, path: str) -> str | None:
        """The content at a path for an instance; None if there is none."""
        return answer(self._cloud, instance, path) if self._cloud else None

    def _handler(self, vpc_id: str) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server_version, sys_version = "EC2ws", ""
            timeout = _PATIENCE_S

            def do_PUT(self) -> None:
                instance = service.instance_at(vpc_id, self.client_address[0])
                lifetime = self.headers.get(_LIFETIME, "")
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if instance is None:
                    self._answer(HTTPStatus.NOT_FOUND)
                elif self.headers.get("X-Forwarded-For"):
                    self._answer(HTTPStatus.FORBIDDEN)
                elif self.path != "/latest/api/token":
                    self._answer(HTTPStatus.METHOD_NOT_ALLOWED)
                elif not (lifetime.isdecimal() and 1 <= int(lifetime) <= _LONGEST_S):
                    self._answer(HTTPStatus.BAD_REQUEST)
                else:
                    self._hops(_HOP_LIMIT)
                    self._answer(HTTPStatus.OK, service.new_token(instance, int(lifetime)), {_LIFETIME: lifetime})
                    self.close_connection = True

            def do_GET(self) -> None:
                instance = service.instance_at(vpc_id, self.client_address[0])
                if instance is None or not service.knows(self.headers.get(_TOKEN, ""), instance):
                    self._answer(HTTPStatus.UNAUTHORIZED)
                    return
                text = service.tell(instance, self.path)
                if text is None:
                    self._answer(HTTPStatus.NOT_FOUND)
                else:
                    self._answer(HTTPStatus.OK, text)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
                pass

            def _hops(self, limit: int) -> None:
                self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, limit)

            def _answer(self, status: HTTPStatus, text: str = "", headers: dict[str, str] | None = None) -> None:
                body = text.encode()
                self.send_response(status)
                for name, value in {"Content-Type": "text/plain", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
