"""The starter and the examples: what they say is so."""

from __future__ import annotations

import re
import subprocess
import sys
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


def test_the_schema_and_the_parts_of_the_contract_are_not_made_to_check_a_spec() -> None:
    """Both take longer than all else. In a process of its own, since other tests make them."""
    code = (
        "from pathlib import Path; from edgewrap.spec import contract, load, models, networks;"
        "load.load_spec(Path('edgewrap/spec/starter.yaml'), {});"
        "parts = (*models.Model.__subclasses__(),);"
        "print(contract.contract.cache_info().currsize, *(one.__name__ for one in parts if one.__pydantic_complete__))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "0 Spec\n"
