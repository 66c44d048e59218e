"""The starter and the examples: what they say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgewrap.spec.contract import contract
from edgewrap.spec.load import load_spec, public_document

from .conftest import Load

ROOT = Path(__file__).parents[3]
STARTER = (ROOT / "edgewrap/spec/starter.yaml").read_text()


def test_what_the_starter_comments_out_is_the_default(load: Load) -> None:
    opened = re.sub(r"^( *)#(?=[a-z]|  )", r"\1", STARTER, flags=re.MULTILINE)  # "# " begins a sentence
    assert len(re.findall(r"^ *#", STARTER, re.MULTILINE)) > len(re.findall(r"^ *#", opened, re.MULTILINE)) + 20
    assert public_document(load(opened, whole=True)) == public_document(load(STARTER, whole=True))
    fields = {path for path in contract().paths() if "s3" not in path}
    fields -= {path for path in fields if "datastore_volume" in path[:-1]}
    assert [path for path in sorted(fields) if not re.search(rf"^ *{path[-1]}:", opened, re.MULTILINE)] == []


@pytest.mark.parametrize(("name", "hypervisor"), [("edge", "kvm"), ("edge-lxc", "lxc"), ("edge-s3", "kvm")])
def test_examples_need_no_environment_variable(name: str, hypervisor: str) -> None:
    spec = load_spec(ROOT / f"docs/examples/{name}.yaml", {})
    assert (spec.hosts.count, spec.hosts.hypervisor, spec.aws.region) == (3, hypervisor, "eu-west-3")
    assert spec.public_network.elastic_ips.count == 4
    assert spec.opennebula.endpoint is None
    assert spec.aws.endpoint_url is None
