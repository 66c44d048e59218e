"""Where the front-end is, and who we are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewrap.errors import AuthenticationError, FrontEndUnreachableError
from edgewrap.opennebula import session
from edgewrap.opennebula.plane import connect
from tests.support.front_end import spec


@pytest.mark.parametrize(
    ("named", "environ", "address"),
    [
        ("http://a:2633/RPC2", {}, "http://a:2633/RPC2"),
        ("http://a:2633/RPC2", {"ONE_XMLRPC": "http://b:2633/RPC2"}, "http://a:2633/RPC2"),
        (None, {"ONE_XMLRPC": "https://b/RPC2"}, "https://b/RPC2"),
    ],
)
def test_endpoint(named: str | None, environ: dict[str, str], address: str) -> None:
    assert session.endpoint(spec(opennebula={"endpoint": named}), environ) == address


@pytest.mark.parametrize(
    ("environ", "what"), [({}, "no OpenNebula front-end is named"), ({"ONE_XMLRPC": "b:2634"}, "b:2634 is no")]
)
def test_no_endpoint(environ: dict[str, str], what: str) -> None:
    with pytest.raises(FrontEndUnreachableError, match=what):
        session.endpoint(spec(), environ)


def test_login_from_a_file_a_text_or_the_home(tmp_path: Path) -> None:
    (tmp_path / ".one").mkdir()
    (tmp_path / ".one" / "one_auth").write_text("home:secret\n")
    (tmp_path / "auth").write_text("file:with:colons\n")
    home = {"HOME": str(tmp_path)}
    assert session.session(home).secret == "home:secret"
    assert session.session(home | {"ONE_AUTH": str(tmp_path / "auth")}).secret == "file:with:colons"
    assert session.session(home | {"ONE_AUTH": "~/auth"}).secret == "file:with:colons"
    login = session.session(home | {"ONE_AUTH": "text:secret"})
    assert (login.secret, login.user) == ("text:secret", "text")


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "cannot be read"), (b"", "no OpenNebula login in"), (b"user", "no OpenNebula login in"),
     (b"a:b\nc:d", "no OpenNebula login in"), (b"\xff\xfe:", "cannot be read")],
)  # fmt: skip
def test_no_login(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "auth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AuthenticationError, match=what) as raised:
        session.session({"ONE_AUTH": str(path)})
    assert str(path) in raised.value.what


def test_the_password_is_never_shown() -> None:
    login = session.session({"ONE_AUTH": "user:very-secret"})
    assert "very-secret" not in f"{login} {login!r}"


def test_a_ca_file_that_is_not_there() -> None:
    environ = {"ONE_AUTH": "user:secret", "ONE_XMLRPC": "https://b/RPC2"}
    with pytest.raises(FrontEndUnreachableError, match=r"missing\.pem cannot be read"):
        connect(spec(opennebula={"ca_file": "/nowhere/missing.pem"}), environ)
