"""The address of the front-end, and the login."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.errors import AuthenticationError, FrontEndUnreachableError
from edgewrap.opennebula.api import credentials
from edgewrap.opennebula.api.transport import HttpWire
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
    assert credentials.endpoint(spec(opennebula={"endpoint": named}), environ) == address


@pytest.mark.parametrize(
    ("environ", "what"), [({}, "no OpenNebula front-end is set"), ({"ONE_XMLRPC": "b:2634"}, "b:2634 is not an")]
)
def test_no_endpoint(environ: dict[str, str], what: str) -> None:
    with pytest.raises(FrontEndUnreachableError, match=what):
        credentials.endpoint(spec(), environ)


def test_login_from_a_file_a_text_or_the_home(tmp_path: Path) -> None:
    (tmp_path / ".one").mkdir()
    (tmp_path / ".one" / "one_auth").write_text("home:secret\n")
    (tmp_path / "auth").write_text("file:with:colons\n")
    home = {"HOME": str(tmp_path)}
    assert credentials.session(home).secret == "home:secret"
    assert credentials.session(home | {"ONE_AUTH": str(tmp_path / "auth")}).secret == "file:with:colons"
    assert credentials.session(home | {"ONE_AUTH": "~/auth"}).secret == "file:with:colons"
    login = credentials.session(home | {"ONE_AUTH": "text:secret"})
    assert (login.secret, login.user) == ("text:secret", "text")


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "no OpenNebula login in"), (b"user", "no OpenNebula login in"),
     (b"a:b\nc:d", "no OpenNebula login in"), (b"a:b\x00", "no OpenNebula login in"), (b"\xff\xfe:", "cannot be read")],
)  # fmt: skip
def test_no_login(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "auth"
    path.write_bytes(content)
    with pytest.raises(AuthenticationError, match=what) as raised:
        credentials.session({"ONE_AUTH": str(path)})
    assert str(path) in raised.value.what


def test_a_missing_default_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuthenticationError, match=rf"{tmp_path}/\.one/one_auth cannot be read"):
        credentials.session({"HOME": str(tmp_path)})


LONG = "p" * 300


@pytest.mark.parametrize(
    "login", [f"oneadmin:{LONG}", f"oneadmin:/{LONG}/x", f"oneadmin:{LONG}\n", "oneadmin:a/b c'd\"e", "oneadmin:~x"]
)
def test_a_login_that_is_not_a_path(login: str) -> None:
    assert credentials.session({"ONE_AUTH": login}).secret == login.rstrip("\n")


@pytest.mark.parametrize(
    "value",
    [
        LONG,
        f"/{LONG}",
        f"{LONG}\0",
        "hunter2-without-a-user",
        "/hunter2",
        "oneadmin:hunter2\nmore",
        "oneadmin:hunter2\0",
        "oneadmin:hunter2\udcff",
        "~nobody-of-that-name/hunter2",
        "hunter2/.",
    ],
)
def test_a_value_that_is_neither_path_nor_login_is_not_shown(value: str) -> None:
    with pytest.raises(AuthenticationError) as raised:
        credentials.session({"ONE_AUTH": value})
    shown = "".join(traceback.format_exception(raised.value)) + raised.value.cause + raised.value.advice
    assert "ONE_AUTH" in shown
    assert "hunter2" not in shown
    assert LONG not in shown


def test_one_auth_that_is_a_directory_is_named() -> None:
    with pytest.raises(AuthenticationError, match=r"no OpenNebula login: \. cannot be read"):
        credentials.session({"ONE_AUTH": "."})


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A directory that this test may not search, whoever runs it."""
    directory = tmp_path / "locked"
    directory.mkdir(mode=0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield directory
    os.seteuid(user)


def test_a_path_without_search_permission(locked: Path) -> None:
    environ = {"ONE_AUTH": str(locked / "hunter2")}
    with pytest.raises(AuthenticationError, match="ONE_AUTH names no file that can be read") as raised:
        credentials.session(environ)
    assert raised.value.cause.startswith("Permission denied")
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
    assert credentials.session({"ONE_AUTH": f"{locked}/user:hunter2"}).secret == f"{locked}/user:hunter2"
    with pytest.raises(FrontEndUnreachableError, match="cannot be read"):
        HttpWire("https://b/RPC2", ca_file=locked / "ca.pem")


def test_the_password_is_never_shown() -> None:
    login = credentials.session({"ONE_AUTH": "user:very-secret"})
    assert "very-secret" not in f"{login} {login!r}"


def test_a_missing_ca_file() -> None:
    environ = {"ONE_AUTH": "user:secret", "ONE_XMLRPC": "https://b/RPC2"}
    with pytest.raises(FrontEndUnreachableError, match=r"missing\.pem cannot be read"):
        connect(spec(opennebula={"ca_file": "/nowhere/missing.pem"}), environ)


def test_a_ca_file_that_is_not_a_path() -> None:
    environ = {"ONE_AUTH": "user:secret", "ONE_XMLRPC": "https://b/RPC2"}
    with pytest.raises(FrontEndUnreachableError, match="cannot be read"):
        connect(spec(opennebula={"ca_file": f"/{LONG}"}), environ)
