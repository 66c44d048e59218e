"""What the operator sets by environment variables: it counts if a spec leaves it out, and is never kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from edgewrap.errors import SpecError
from edgewrap.spec.contract import Known, contract
from edgewrap.spec.environment import secret_variables
from edgewrap.spec.formats import LOCAL_PATH, RULE
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec
from edgewrap.spec.operator_values import VARIABLES
from tests.unit.spec.conftest import Load

URL_RULE = "an http or https URL without user, password or query"
OPERATOR = {
    "EDGEWRAP_TERRAFORM": "tofu",
    "EDGEWRAP_PLUGIN_DIR": "mirror",
    "EDGEWRAP_CA_FILE": "~/ca.pem",
    "EDGEWRAP_PUBLIC_KEY": "/keys/ci.pub",
    "EDGEWRAP_PROXY_COMMAND": "nc {host} 22",
    "EDGEWRAP_EVPN_PASSWORD": "secret-7f3a",
    "EDGEWRAP_BACKEND": "s3://states/edges/edge-1.tfstate?region=eu-west-3",
}


def values(spec: Spec) -> list[object]:
    """What a spec has for each of them, in that order."""
    terraform, password = spec.terraform, spec.evpn.password
    own = [terraform.binary, terraform.plugin_dir, spec.opennebula.ca_file, spec.ssh.public_key, spec.ssh.proxy_command]
    return [*own, password and password.get_secret_value(), terraform.model_dump()["backend"]]


def test_the_operators_values_count_if_the_spec_has_none(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to the current directory."""
    monkeypatch.setenv("HOME", "/home/ci")
    backend = {"s3": {"bucket": "states", "key": "edges/edge-1.tfstate", "region": "eu-west-3"}}
    paths = ["tofu", str(Path.cwd() / "mirror"), "/home/ci/ca.pem", "/keys/ci.pub"]
    assert values(load("", OPERATOR)) == [*paths, "nc {host} 22", "secret-7f3a", backend]
    assert values(load("terraform: { binary: }", OPERATOR))[0] == "tofu"
    assert values(load("", dict.fromkeys(OPERATOR, ""))) == values(load("", {}))


def test_the_values_of_the_spec_come_first(load: Load) -> None:
    own = "terraform: { binary: ./tf, plugin_dir: p, backend: local }\nopennebula: { ca_file: c }\n"
    own += "ssh: { public_key: k, proxy_command: x }\n"
    assert values(load(own, {**OPERATOR, "EDGEWRAP_EVPN_PASSWORD": ""})) == ["./tf", "p", "c", "k", "x", None, "local"]


def test_what_is_kept_does_not_depend_on_the_operator(load: Load) -> None:
    """Otherwise a cluster would be another one for each of them. The place of the state is part of the cluster."""
    others = {name: value for name, value in OPERATOR.items() if name != "EDGEWRAP_BACKEND"}
    assert public_document(load("", others)) == public_document(load("", {}))
    backend = "terraform: { backend: { s3: { bucket: states, key: edges/edge-1.tfstate, region: eu-west-3 } } }"
    assert public_document(load("", OPERATOR)) == public_document(load(backend, {}))


def test_no_child_gets_the_operators_secrets(load: Load) -> None:
    assert secret_variables(load("", OPERATOR).written) >= {"EDGEWRAP_EVPN_PASSWORD", "EDGEWRAP_PROXY_COMMAND"}


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"EDGEWRAP_EVPN_PASSWORD": "two words"}, "evpn.password: EDGEWRAP_EVPN_PASSWORD must be 1 to 80 ASCII"),
        ({"EDGEWRAP_BACKEND": "gs://x/y"}, "terraform.backend: EDGEWRAP_BACKEND must be `local`"),
        ({"EDGEWRAP_BACKEND": "s3://states/key"}, "terraform.backend.s3.region: EDGEWRAP_BACKEND is required"),
        ({"EDGEWRAP_PUBLIC_KEY": "/a\nb"}, "ssh.public_key: EDGEWRAP_PUBLIC_KEY must be the path of a file"),
    ],
)
def test_a_wrong_value_names_the_variable(load: Load, environ: Mapping[str, str], problem: str) -> None:
    with pytest.raises(SpecError) as error:
        load("", environ)
    assert problem in str(error.value)
    assert "two words" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "restricted"), [("1", True), ("yes", True), ("", False), ("0", False), ("No", False)]
)
def test_the_variable_is_on_unless_it_says_no(load: Load, value: str, restricted: bool) -> None:
    if restricted:
        with pytest.raises(SpecError, match=r"terraform\.binary: is the operator's"):
            load("terraform: { binary: tofu }", {"EDGEWRAP_RESTRICTED": value})
    else:
        load("terraform: { binary: tofu }", {"EDGEWRAP_RESTRICTED": value})


def test_every_field_that_names_a_file_or_an_endpoint_is_the_operators() -> None:
    """A new one of them must not reach restricted mode unnoticed."""
    named = {path for path, known in contract().fields() if {LOCAL_PATH.rule, URL_RULE} & set(rules(known))}
    assert named <= VARIABLES.keys()
    assert len(named) == 6


def rules(known: Known) -> Iterator[str]:
    """The rules of a field and of its alternatives and items."""
    yield str(known.schema.get(RULE))
    for part in (*known.parts, *([known.item] if known.item else [])):
        yield from rules(part)
