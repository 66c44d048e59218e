"""Clients with odd credentials, and with endpoints that are not AWS's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.errors import AwsError
from edgewrap.secrets import redact
from tests.support.aws_plane import make_spec

CONFIG = """
[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = base-secret
[profile mfa]
role_arn = arn:aws:iam::123456789012:role/edge
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile role]
role_arn = arn:aws:iam::123456789012:role/edge
source_profile = base
"""
ASSUMED = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><Arn>a</Arn><AssumedRoleId>b</AssumedRoleId>
</AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"""
NO_VPCS = b'<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><vpcSet/></DescribeVpcsResponse>'
PAGE = b"<html><head><title>Sign in</title></head><body>Guest network</body></html>"


class Endpoint(ThreadingHTTPServer):
    """Answers every request, and keeps what was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status, self.content, self.body = 200, "text/xml", NO_VPCS
        self.asked: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Answer)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Endpoint
    log_message: ClassVar = lambda *_: None

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append({key.lower(): value for key, value in self.headers.items()})
        if self.server.status == 0:
            return
        body = ASSUMED if b"Action=AssumeRole" in asked else self.server.body
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.content)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials but those of the profiles in a file of the test's own; one attempt at each call."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setattr("edgewrap.aws.clients.ATTEMPTS", 1)


def ask(endpoint: str) -> None:
    """One call, as edgewrap makes them."""
    clients = Clients(make_spec(aws={"endpoint_url": endpoint} if endpoint else {}), {})
    with clients.translate_errors():
        assert clients.ec2.describe_vpcs()["Vpcs"] == []


def test_a_profile_with_mfa_fails_and_never_asks(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mfa")
    monkeypatch.setattr("getpass.getpass", lambda *_: pytest.fail("asked for a code"))
    for url in ("", endpoint.url):
        with pytest.raises(
            AwsError, match=r"needs a code of an MFA device .*arn:aws:iam::123456789012:mfa/me"
        ) as caught:
            ask(url)
        assert "aws configure export-credentials --profile" in caught.value.advice
    assert endpoint.asked == []


def test_a_role_profile_needs_no_region_and_its_token_is_sent(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "role")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", endpoint.url)
    ask(endpoint.url)
    assume, describe = endpoint.asked
    assert "Credential=AKIABASE/" in assume["authorization"]
    assert "Credential=ASIAROLE/" in describe["authorization"]
    assert "/eu-west-3/ec2/" in describe["authorization"]
    assert describe["x-amz-security-token"] == "role-token"


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_an_empty_profile_is_none(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    ask(endpoint.url)
    assert "Credential=AKIAENV/" in endpoint.asked[0]["authorization"]
    assert "x-amz-security-token" not in endpoint.asked[0]


@pytest.mark.parametrize(
    ("status", "content", "body"),
    [
        pytest.param(200, "text/html", PAGE, id="a page"),
        pytest.param(200, "text/xml", b"", id="nothing"),
        pytest.param(200, "application/json", b"{}", id="JSON"),
        pytest.param(200, "text/plain", b"\x1b[2Jno\n", id="a text"),
        pytest.param(200, "text/xml", b"<Other/>", id="other XML"),
        pytest.param(404, "text/html", PAGE, id="a page, 404"),
        pytest.param(403, "text/plain", b"no", id="a text, 403"),
        pytest.param(502, "text/html", PAGE, id="a page, 502"),
        pytest.param(400, "text/xml", b"<Response/>", id="no code"),
    ],
)
def test_an_endpoint_that_is_not_aws_is_named(endpoint: Endpoint, status: int, content: str, body: bytes) -> None:
    endpoint.status, endpoint.content, endpoint.body = status, content, body
    with pytest.raises(AwsError) as caught:
        ask(endpoint.url)
    assert caught.value.cause == "something other than AWS answers at the endpoint"
    assert "AWS_ENDPOINT_URL" in caught.value.advice
    assert len(caught.value.what) <= 300


def test_an_endpoint_that_closes_the_connection_is_explained(endpoint: Endpoint) -> None:
    endpoint.status = 0
    with pytest.raises(AwsError, match="Connection was closed before"):
        ask(endpoint.url)


def test_a_socks_proxy_is_refused_by_name(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://user:hunter2@127.0.0.1:1")
    with pytest.raises(AwsError, match=r"a SOCKS proxy is set for http://127.0.0.1:") as caught:
        ask(endpoint.url)
    assert "NO_PROXY" in caught.value.advice
    assert endpoint.asked == []
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    ask(endpoint.url)
    assert "hunter2" not in f"{caught.value.what}{caught.value.cause}{caught.value.advice}"


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("sh -c 'echo planted-word >&2; exit 3'", "Error when retrieving credentials from custom-process"),
        ("echo not-json", "the credentials cannot be read"),
        ("sleep 5", "no credentials within 0 s"),
    ],
)
def test_a_program_that_gives_no_credentials_is_named(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, program: str, what: str
) -> None:
    """What it prints is not shown, and it does not hold up the run."""
    (tmp_path / "config").write_text(f"[default]\nregion = eu-west-3\ncredential_process = {program}\n")
    monkeypatch.setattr("edgewrap.aws.clients.CREDENTIALS_S", 0.4 if "sleep" in program else 30)
    with pytest.raises(AwsError) as raised:
        ask(endpoint.url)
    assert raised.value.what.startswith(what)
    assert "planted-word" not in str(raised.value.what)
    assert "credential_process" in raised.value.cause + raised.value.advice
    assert endpoint.asked == []


def test_a_session_token_of_a_file_is_hidden(tmp_path: Path, endpoint: Endpoint, no_secrets: None) -> None:
    (tmp_path / "config").write_text(
        "[default]\nregion = eu-west-3\n"
        "aws_access_key_id = AKIA\naws_secret_access_key = x\naws_session_token = Tok3n==1\n"
    )
    ask(endpoint.url)
    assert redact("rejected: Tok3n==1") == "rejected: ***"
