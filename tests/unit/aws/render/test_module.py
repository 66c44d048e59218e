"""The render: pure, values only as values, addresses as the design says."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.backend import BACKEND_FILE
from edgewrap.aws.inputs.model import Inputs
from edgewrap.aws.render.module import VARIABLES_FILE, render
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec
from tests.support.aws_plane import first_inputs, make_spec

HOSTILE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=40) | st.sampled_from(
    ['a"b', '${file("/etc/passwd")}', "%{ for x in y }", "{{ 7 * 7 }}", "{% raw %}", "]]}", "é日本", "a\\nb", "<<EOT"]
)


def rendered_values(spec: Spec, inputs: Inputs) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(render(spec, inputs)[VARIABLES_FILE])
    return values


def spec_without_checks(hostile: str, endpoint: bool) -> Spec:
    """A spec whose free texts are anything, as if no rule had looked at them."""
    spec = make_spec(aws={"endpoint_url": "http://127.0.0.1:1"} if endpoint else {})
    aws = spec.aws.model_copy(update={"tags": {hostile: hostile}, "instance_profile": hostile})
    return spec.model_copy(update={"aws": aws})


@given(hostile=HOSTILE, endpoint=st.booleans(), hosts=st.integers(1, 6), eips=st.integers(0, 30))
def test_render_is_pure(hostile: str, endpoint: bool, hosts: int, eips: int) -> None:
    spec = spec_without_checks(hostile, endpoint)
    sized = make_spec(hosts={"count": hosts}, public_network={"elastic_ips": {"count": eips}})
    inputs = first_inputs(sized)
    assert render(spec, inputs) == render(spec.model_copy(deep=True), inputs.model_copy(deep=True))


@given(hostile=HOSTILE, endpoint=st.booleans())
def test_no_user_text_is_rendered_into_hcl(hostile: str, endpoint: bool) -> None:
    def hcl(spec: Spec) -> dict[str, str]:
        files = render(spec, first_inputs(make_spec()))
        return {name: text for name, text in files.items() if name != VARIABLES_FILE}

    assert hcl(spec_without_checks(hostile, endpoint)) == hcl(spec_without_checks("plain", endpoint))


@given(hostile=HOSTILE)
def test_values_survive_the_variables_file(hostile: str) -> None:
    spec = spec_without_checks(hostile, endpoint=False)
    values = rendered_values(spec, first_inputs(make_spec()))
    assert values["tags"] == {hostile: hostile}
    assert values["instance_profile"] == hostile
    assert values["applied"] == public_document(spec)


def test_only_structure_depends_on_the_endpoint_and_the_hosts_addresses() -> None:
    plain = render(make_spec(), first_inputs(make_spec()))
    assert "  skip_region_validation = true\n" in plain["main.tf"]  # AWS opens regions that the provider does not know
    assert "endpoints" not in plain["main.tf"]
    assert "endpoint_url" not in plain["variables.tf"]
    assert "endpoint_url" not in json.loads(plain[VARIABLES_FILE])
    own = make_spec(aws={"endpoint_url": "http://127.0.0.1:1"}, hosts={"address": "eip"})
    files = render(own, first_inputs(own))
    named = re.findall(r"^    (\w+) += var.endpoint_url$", files["main.tf"], re.MULTILINE)
    assert named == ["ec2", "iam", "s3", "sts"]  # IAM and STS tell the provider in which account it is
    assert 'resource "aws_eip" "host"' in files["modules/hosts/main.tf"]
    assert 'resource "aws_eip" "host"' not in plain["modules/hosts/main.tf"]
    private = make_spec(hosts={"address": "private"})
    without = render(private, first_inputs(private))
    assert "ingress_rule" not in without["modules/hosts/main.tf"]
    network = "modules/network/main.tf"  # hosts are named by AWS's names for their public addresses
    assert ["enable_dns_hostnames = true" in each[network] for each in (plain, files, without)] == [True, True, False]


def test_the_s3_backend_is_configured_beside_the_hcl() -> None:
    inputs, s3 = first_inputs(make_spec()), {"bucket": "states", "key": "a/(b)'c!.tfstate", "region": "eu-west-1"}
    files = render(make_spec(terraform={"backend": {"s3": s3}}), inputs)
    assert json.loads(files[BACKEND_FILE]) == {**s3, "use_lockfile": True, "skip_region_validation": True}
    assert 'backend "s3" {}' in files["main.tf"]
    assert 'required_version = ">= 1.10.0"' in files["main.tf"]
    elsewhere = make_spec(terraform={"backend": {"s3": s3}}, aws={"endpoint_url": "http://127.0.0.1:1"})
    told = json.loads(render(elsewhere, inputs)[BACKEND_FILE])
    assert (told["endpoints"], told["use_path_style"]) == ({"s3": "http://127.0.0.1:1"}, True)
    local = render(make_spec(), inputs)
    assert BACKEND_FILE not in local
    assert 'backend "local" {' in local["main.tf"]


def test_no_credential_is_rendered() -> None:
    spec = make_spec(aws={"endpoint_url": "http://127.0.0.1:1"})
    text = "".join(render(spec, first_inputs(spec)).values())
    assert "access_key" not in text
    assert "secret" not in text


def test_addresses_are_those_of_the_design() -> None:
    spec = make_spec(hosts={"count": 2, "retired": [1]}, public_network={"elastic_ips": {"count": 6}})
    values = rendered_values(spec, first_inputs(spec))
    assert {key: host["private_address"] for key, host in values["hosts"].items()} == {
        "host-0": "10.0.0.10",
        "host-2": "10.0.0.12",
    }
    group = values["groups"]["group-1"]
    assert (group["host"], group["device_index"], group["block"]) == ("host-2", 2, "10.0.128.128/25")
    assert group["addresses"][:3] == ["10.0.128.128", "10.0.128.130", "10.0.128.132"]
    assert len(group["addresses"]) == 50
    assert values["eips"]["eip-5"] == {
        "group": "group-1",
        "private_address": "10.0.128.132",
        "gateway": "10.0.128.133",
    }


def test_user_rules_replace_the_allow_all_rule() -> None:
    ingress = [
        {"protocol": "tcp", "ports": 443, "cidrs": ["0.0.0.0/0", "192.0.2.0/24"], "description": "web"},
        {"protocol": "udp", "ports": "5000-5010"},
        {"protocol": "tcp", "ports": "all"},
        {"protocol": "icmp"},
    ]
    spec = make_spec(public_network={"security_group": {"ingress": ingress}})
    rules = rendered_values(spec, first_inputs(spec))["vm_rules"]
    assert {
        key: (rule["protocol"], rule["from_port"], rule["to_port"], rule["cidr"], rule["description"])
        for key, rule in rules.items()
    } == {
        "vms-ingress-tcp-443-0.0.0.0/0": ("tcp", 443, 443, "0.0.0.0/0", "web"),
        "vms-ingress-tcp-443-192.0.2.0/24": ("tcp", 443, 443, "192.0.2.0/24", "web"),
        "vms-ingress-udp-5000-5010-0.0.0.0/0": ("udp", 5000, 5010, "0.0.0.0/0", None),
        "vms-ingress-tcp-all-0.0.0.0/0": ("tcp", 0, 65535, "0.0.0.0/0", None),
        "vms-ingress-icmp-all-0.0.0.0/0": ("icmp", -1, -1, "0.0.0.0/0", None),
        "vms-egress-all-all-0.0.0.0/0": ("-1", None, None, "0.0.0.0/0", "everything"),
    }


def test_no_rule_at_all_closes_a_direction() -> None:
    spec = make_spec(public_network={"security_group": {"ingress": []}})
    assert set(rendered_values(spec, first_inputs(spec))["vm_rules"]) == {"vms-egress-all-all-0.0.0.0/0"}


def test_destroy_renders_the_applied_spec() -> None:
    inputs = first_inputs(make_spec())
    changed = make_spec(name="edge-lyon", aws={"region": "eu-west-1"}, hosts={"count": 1}, public_network={"groups": 1})
    values = rendered_values(changed, inputs)
    assert (values["name"], values["region"], len(values["hosts"]), len(values["groups"])) == (
        "edge-paris",
        "eu-west-3",
        3,
        4,
    )
