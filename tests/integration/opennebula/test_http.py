"""Over HTTP: the lab's front-end as a process, reached as the command line reaches one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.errors import AuthenticationError, FrontEndUnreachableError
from edgewrap.events import discard
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.api.transport import HttpWire
from edgewrap.opennebula.plane import OpenNebulaPlane, connect
from edgewrap.plane import Context
from tests.support.front_end import apply, changes_in, destroy, outputs, reports, spec
from tests.support.relay import certificate, relay


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a fresh front-end answers."""
    directory: Path = tmp_path_factory.mktemp("front-end")
    auth = directory / "one_auth"
    auth.write_text("oneadmin:opennebula\n")
    options = ("--port", "0", "--database", str(directory / "one.db"), "--auth-file", str(auth), "--settle", "0.05")
    with subprocess.Popen(
        [sys.executable, "-m", "edgewrap.lab.opennebula", *options], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


def test_apply_and_destroy_over_http(url: str, tmp_path: Path) -> None:
    comes_and_goes(url, tmp_path)


def test_apply_and_destroy_over_https_with_a_private_ca(url: str, tmp_path: Path) -> None:
    mine = certificate(tmp_path, "127.0.0.1")
    with relay(url, mine) as proxy:
        comes_and_goes(proxy.url, tmp_path, ca_file=str(mine.certificate))
        assert proxy.bodies


def comes_and_goes(url: str, directory: Path, ca_file: str | None = None) -> None:
    auth = directory / "auth"
    auth.write_text("oneadmin:opennebula\n")
    of = spec(opennebula={"ca_file": ca_file})
    plane = OpenNebulaPlane(of, connect(of, {"ONE_XMLRPC": url, "ONE_AUTH": str(auth)}), discard)
    apply(plane, plane.observe(), outputs(), reports())
    assert changes_in(plane, plane.observe(), outputs(), reports()) == ()
    destroy(plane, plane.observe())
    assert plane.destroy(plane.observe(), Context()).changes == ()


def test_a_wrong_password(url: str) -> None:
    front_end = connect(spec(opennebula={"endpoint": url}), {"ONE_AUTH": "oneadmin:wrong-and-secret"})
    with pytest.raises(AuthenticationError, match="does not accept the login of the user oneadmin") as raised:
        front_end.call("system.version")
    assert "wrong-and-secret" not in f"{raised.value} {raised.value.cause} {raised.value.advice}"


def test_another_path(url: str) -> None:
    wrong = url.replace("/RPC2", "/elsewhere")
    with pytest.raises(FrontEndUnreachableError, match="answered with HTTP status 404"):
        FrontEnd(wrong, Session("a:b"), wire=HttpWire(wrong)).call("system.version")


def test_a_front_end_that_is_down() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/RPC2"
    with pytest.raises(FrontEndUnreachableError, match="is not reachable"):
        FrontEnd(address, Session("a:b")).call("system.version")


def test_a_front_end_that_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/RPC2"
        begun = time.monotonic()
        with pytest.raises(FrontEndUnreachableError, match="did not answer in time"):
            FrontEnd(address, Session("a:b"), wire=HttpWire(address, timeout_s=0.3)).call("system.version")
        assert time.monotonic() - begun < 5
