"""A destroy with Elastic IPs of the IPAM driver: ranges adopted, not adopted, leased, and left over in AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgewrap.lab.aws.leaked_resources import leaked_resources
from tests.support.lab import REGION, Lab
from tests.support.lab_opennebula import tree

SPEC = """
apiVersion: edgewrap/v1
name: edge-ipam
aws: { region: eu-west-3 }
hosts: { count: 1, address: private }
public_network: { elastic_ips: { count: 1 } }
"""
RANGE = 'AR = [ IPAM_MAD = "edgewrap", SIZE = "1", TYPE = "IP4" ]'


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path / "lab")
    made.up("--no-hosts")
    made.quota(elastic_ips=64)
    yield made
    made.down()


@pytest.mark.full
@pytest.mark.full
def test_nothing_is_left(lab: Lab, tmp_path: Path) -> None:
    spec = tmp_path / "edge.yaml"
    spec.write_text(SPEC)
    apply = ("apply", "--file", str(spec), "--auto-approve", "--skip", "hosts", "--json")
    destroy = ("destroy", "--file", str(spec), "--auto-approve", "--json")
    lab.edgewrap(*apply)
    lab.edgewrap("ipam", "install", "--file", str(spec), "--json")
    pool = tree(lab.one("one.vnpool.info", -2, -1, -1))
    network = next(int(one.findtext("ID") or "") for one in pool if one.findtext("NAME") == "edge-ipam-public")
    lab.one("one.vn.add_ar", network, RANGE)
    lab.one("one.vn.hold", network, f'LEASES = [ IP = "{address(lab, network)}" ]')
    lab.edgewrap(*apply)
    refused = lab.edgewrap(*destroy, check=False)
    assert (refused.returncode, "eip-x-1 (" in refused.stderr) == (1, True), refused.stderr
    lab.one("one.vn.release", network, f'LEASES = [ IP = "{address(lab, network)}" ]')

    lab.one("one.vn.add_ar", network, RANGE)  # not adopted by any run
    with lab.network():  # one that a killed driver left
        uuid = tag_of(lab, "edgewrap:uuid")
        left = lab.ec2.allocate_address(Domain="vpc")["AllocationId"]
        tags = {"edgewrap:cluster": "edge-ipam", "edgewrap:uuid": uuid, "edgewrap:key": "eip-x-9"}
        lab.ec2.create_tags(Resources=[left], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])
    lab.edgewrap(*destroy)
    with lab.network():
        kinds = Counter(line.rpartition(" ")[0] for line in leaked_resources(lab.facts["aws_endpoint"], REGION))
    assert kinds == Counter()


def address(lab: Lab, network: int) -> str:
    """The private address of the driver's first range."""
    found = tree(lab.one("one.vn.info", network, False)).findall("AR_POOL/AR")
    return next(one.findtext("IP") or "" for one in found if one.findtext("IPAM_MAD") == "edgewrap")


def tag_of(lab: Lab, name: str) -> str:
    """A tag of the cluster's VPC."""
    (vpc,) = lab.ec2.describe_vpcs(Filters=[{"Name": "tag-key", "Values": ["edgewrap:uuid"]}])["Vpcs"]
    return next(tag["Value"] for tag in vpc["Tags"] if tag["Key"] == name)
