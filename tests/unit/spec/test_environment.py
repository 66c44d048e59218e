"""`${env:NAME}`: filled in, never shown, never kept."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewrap.errors import SpecError
from edgewrap.spec.contract import contract
from edgewrap.spec.load import load_spec, public_document

from .conftest import ENVIRONMENT, Load


def test_values_are_filled_in(full_file: Path, environment: Mapping[str, str]) -> None:
    spec = load_spec(full_file, environment)
    assert spec.opennebula.endpoint == "https://one.secret-7f3a.example:443/RPC2"
    assert spec.opennebula.ca_file == "/secret-7f3a/ca.pem"
    assert spec.ssh.user == "secret-7f3a"
    assert spec.ssh.authorized_keys[0].endswith(" ann@secret-7f3a")
    assert spec.ssh.proxy_command == "ssh -W {host}:22 ${env:USER} secret-7f3a@jump"


def test_the_public_document_has_the_text_of_the_file(full_file: Path, environment: Mapping[str, str]) -> None:
    spec = load_spec(full_file, environment)
    text = public_document(spec)
    assert "secret-7f3a" not in text
    document = json.loads(text)
    assert document["opennebula"]["endpoint"] == "https://${env:FRONT_END}:443/RPC2"
    assert document["ssh"]["authorized_keys"][0].endswith(" ann@${env:COMMENT}")
    assert document["ssh"]["proxy_command"] == "ssh -W {host}:22 $${env:USER} ${env:JUMP}"
    assert document["ssh"]["from"] == ["203.0.113.0/24", "198.51.100.7/32"]
    assert document["hosts"]["on_failure"] == "replace"
    assert "secret-7f3a" not in repr(spec)
    for copy in (pickle.loads(pickle.dumps(spec)), spec.model_copy(deep=True)):  # noqa: S301 - our own bytes
        assert public_document(copy) == text


def test_the_public_document_is_the_same_for_the_same_spec(load: Load) -> None:
    one = load("hosts: { count: 3 }\nopennebula: { replica: auto }\n")
    other = load("# a comment\nopennebula: {}\nhosts: {}\n")
    assert public_document(one) == public_document(other)
    assert public_document(one) != public_document(load("hosts: { count: 4 }\n"))


@settings(max_examples=40)
@given(
    file=st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=30),
    user=st.from_regex(r"[a-z_][a-z0-9_-]{0,31}", fullmatch=True),
)
def test_the_public_document_does_not_depend_on_the_environment(load: Load, file: str, user: str) -> None:
    more = "ssh: { user: '${env:U}' }\nopennebula: { ca_file: '/${env:F}', endpoint: 'http://${env:H}/RPC2' }\n"
    spec = load(more, {"U": user, "F": file, "H": "a.example"})
    assert (spec.ssh.user, spec.opennebula.ca_file) == (user, f"/{file}")
    assert public_document(spec) == public_document(load(more, {"U": "x", "F": "y", "H": "b.example"}))


@settings(max_examples=40)
@given(value=st.text(max_size=20).map(lambda text: f"secret-7f3a{text}secret-7f3a"))
def test_no_error_shows_a_value_of_the_environment(load: Load, value: str) -> None:
    more = "ssh: { user: '${env:V}', authorized_keys: ['${env:V}'] }\nopennebula: { endpoint: '${env:V}' }\n"
    with pytest.raises(SpecError) as error:
        load(more, {"V": value})
    assert "secret-7f3a" not in str(error.value)
    assert error.value.__context__ is None


def test_which_values_the_environment_may_fill_in() -> None:
    known = contract()
    allowed = {".".join(path) for path in known.paths() if (found := known.at(path)) and found.from_environment}
    assert allowed == {
        "evpn.password",
        "opennebula.endpoint",
        "opennebula.ca_file",
        "ssh.user",
        "ssh.public_key",
        "ssh.proxy_command",
        "terraform.binary",
        "terraform.plugin_dir",
    }
    keys = known.at(("ssh", "authorized_keys", 0))
    assert keys is not None
    assert keys.from_environment


def test_other_dollar_signs_are_ordinary(load: Load) -> None:
    spec = load("ssh: { proxy_command: 'a $b ${c} ${HOME} %{d} $$ $$${env:COMMENT}' }\n")
    assert spec.ssh.proxy_command == "a $b ${c} ${HOME} %{d} $$ $${env:COMMENT}"


def test_paths_begin_at_the_spec(full_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    spec = load_spec(full_file, ENVIRONMENT)
    assert spec.local_path(spec.ssh.public_key) == full_file.parent / "keys/edge.pub"
    assert spec.local_path("/srv/ca.pem") == Path("/srv/ca.pem")
    assert spec.local_path("~/ca.pem") == Path("/home/ann/ca.pem")


def test_the_password_of_the_sessions_comes_from_the_environment(load: Load) -> None:
    spec = load("evpn: { password: '${env:P}' }\n", {"P": "geheim-1!"})
    assert spec.evpn.password is not None
    assert spec.evpn.password.get_secret_value() == "geheim-1!"
    assert "geheim" not in repr(spec.evpn) + public_document(spec)


@pytest.mark.parametrize("value", ["two words", "", "x" * 81, "é"], ids=["spaces", "empty", "too long", "not ASCII"])
def test_a_password_that_frr_would_misread_is_refused(load: Load, value: str) -> None:
    with pytest.raises(SpecError, match="must be 1 to 80 ASCII characters without spaces") as error:
        load("evpn: { password: '${env:P}' }\n", {"P": value})
    assert not value or value not in str(error.value)
