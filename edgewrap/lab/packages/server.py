"""OpenNebula's download server for the lab's hosts: HTTPS on the lab's internet, with the vendor's server name.

The hosts have its address in /etc/hosts and trust a certificate that the lab creates when it starts.
"""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edgewrap.lab import kernel
from edgewrap.lab.packages.repository import Repository

NAME = "downloads.opennebula.io"
ADDRESS = "192.0.2.10"
PORT = 443

_PATIENCE_S = 30.0
_LIFETIME = datetime.timedelta(days=365)


class PackageServer:
    """The server. Its clients must trust `certificate` (PEM text)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._repository = Repository(directory)
        self._identity = directory / "server.pem"
        self.certificate = _make_identity(self._identity)

    async def open(self, namespace: str) -> None:
        """Listen in a network namespace, at an address that is added for this."""
        await kernel.ip(namespace, [f"address add {ADDRESS}/32 dev lo"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._identity)
        server = ThreadingHTTPServer((ADDRESS, PORT), self._handler(), bind_and_activate=False)
        server.daemon_threads = True
        server.socket.close()

        def listen() -> None:
            plain = socket.socket()
            plain.bind((ADDRESS, PORT))
            # The handshake is done in the connection's thread, not in the listener's.
            server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)

        kernel.inside(namespace, listen)
        server.server_activate()
        threading.Thread(target=server.serve_forever, name="packages", daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        repository = self._repository

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _PATIENCE_S

            def do_GET(self) -> None:
                content = repository.read(self.path)
                self.send_response(HTTPStatus.NOT_FOUND if content is None else HTTPStatus.OK)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
                pass

        return Handler


def _make_identity(file: Path) -> str:
    """Write a new key and a self-signed certificate for the server's name; returns the certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LIFETIME)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.touch(mode=0o600)
    file.write_bytes(secret + pem)
    return pem.decode()
