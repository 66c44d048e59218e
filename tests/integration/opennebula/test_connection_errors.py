"""A guest, a wrong password, a front-end that is down, one that hangs, a wrong certificate: each is named, with
what to do, before anything is changed. Real sockets and TLS on loopback, and the command line as a user has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgewrap.cli import main
from edgewrap.opennebula.api import transport
from tests.support.front_end_process import PASSWORD, FrontEndProcess
from tests.support.relay import certificate, relay

SPEC = """\
apiVersion: edgewrap/v1
name: edge-paris
aws: {{ region: eu-west-3 }}
opennebula: {{ endpoint: "{url}", ca_file: {ca_file} }}
"""


@dataclass
class Command:
    """`edgewrap preflight --only opennebula` of a spec in `directory`, as one user."""

    directory: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(
        self, url: str, *options: str, login: str = f"oneadmin:{PASSWORD}", ca_file: Path | None = None
    ) -> tuple[int, str]:
        """The exit code, and all that was shown."""
        spec = self.directory / "edge.yaml"
        spec.write_text(SPEC.format(url=url, ca_file=ca_file or "null"))
        self.monkeypatch.setenv("ONE_AUTH", login)
        arguments = ["preflight", "--only", "opennebula", "--file", str(spec), *options]
        status = main.run(main.build(), arguments)
        shown = self.capsys.readouterr()
        text = " ".join((shown.out + shown.err).split())
        assert login.partition(":")[2] not in text
        assert "Traceback" not in text
        return status, text


@pytest.fixture(scope="module")
def front_end(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEndProcess]:
    """A running front-end with a user `guest` of no rights."""
    process = FrontEndProcess(tmp_path_factory.mktemp("front-end"))
    process.start()
    process.as_user().call("user.allocate", "guest", "guest-secret", "core")
    yield process
    process.stop()


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, with a spec of its own."""
    return Command(tmp_path, monkeypatch, capsys)


def test_a_valid_login_has_no_error(front_end: FrontEndProcess, command: Command) -> None:
    status, text = command.run(front_end.url)
    assert (status, "oneadmin is in the group oneadmin" in text) == (0, True), text


def test_a_guest(front_end: FrontEndProcess, command: Command) -> None:
    status, text = command.run(front_end.url, login="guest:guest-secret")
    assert status == 1
    assert "the user guest sees only part of the front-end's clusters" in text
    assert "pools leave out objects without the right USE" in text
    assert "use a user of the group oneadmin" in text


def test_a_wrong_password(front_end: FrontEndProcess, command: Command) -> None:
    status, text = command.run(front_end.url, login="oneadmin:not-the-password")
    assert status == 1
    assert "the front-end does not accept the login of the user oneadmin" in text
    assert "the user does not exist, or the password is wrong" in text
    assert "ONE_AUTH" in text


def test_a_front_end_that_is_down(command: Command) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/RPC2"
    status, text = command.run(url)
    assert status == 1
    assert f"{url} is not reachable (nothing listens on that port" in text
    assert "systemctl start opennebula" in text


def test_a_front_end_that_hangs(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "FIRST_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/RPC2"
        status, text = command.run(url)
    assert status == 1
    assert f"{url} did not answer in time (a firewall drops the packets, or the front-end is overloaded" in text
    assert "then re-run" in text


def test_a_wrong_certificate_and_the_right_one(front_end: FrontEndProcess, command: Command, tmp_path: Path) -> None:
    mine = certificate(tmp_path, "127.0.0.1")
    with relay(front_end.url, mine) as proxy:
        status, text = command.run(proxy.url)
        assert status == 1
        assert f"{proxy.url}: its certificate is not trusted (it is signed by an authority that this machine" in text
        assert "set opennebula.ca_file" in text
        assert proxy.bodies == []  # the password did not leave
        assert command.run(proxy.url, ca_file=mine.certificate)[0] == 0


def test_a_certificate_for_another_name(front_end: FrontEndProcess, command: Command, tmp_path: Path) -> None:
    other = certificate(tmp_path, "frontend.example")
    with relay(front_end.url, other) as proxy:
        status, text = command.run(proxy.url, ca_file=other.certificate)
        assert status == 1
        assert "its certificate is for another name than the one in the endpoint" in text
        assert proxy.bodies == []


def test_insecure_only_by_name_and_loud(
    front_end: FrontEndProcess, command: Command, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    with relay(front_end.url, certificate(tmp_path, "127.0.0.1")) as proxy:
        status, text = command.run(proxy.url, "--insecure")
    assert status == 0
    assert text.count("--insecure: the TLS certificate of") == 1
    assert [str(warning.message) for warning in recwarn] == []
    assert "--insecure" not in command.run(front_end.url, "--insecure")[1]  # http has no certificate to look at


def test_a_redirect_is_not_followed_with_the_password(front_end: FrontEndProcess, command: Command) -> None:
    with relay(front_end.url) as elsewhere, relay(front_end.url) as proxy:
        proxy.status, proxy.headers = 307, {"Location": elsewhere.url}
        status, text = command.run(proxy.url)
        assert elsewhere.bodies == []
    assert status == 1
    assert "answered with HTTP status 307 (it redirects to another address" in text
