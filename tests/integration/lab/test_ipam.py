"""IPAM drivers in a lab: the front-end runs them where the lab's AWS is, with the lab's credentials."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ipam import NETWORK, READY
from tests.support.lab import REGION, Lab
from tests.support.lab_opennebula import tree

# It allocates an Elastic IP, as edgewrap's driver does, and answers a range with it.
_REGISTER = f"""#!{sys.executable}
import os, boto3
ec2 = boto3.client("ec2", region_name="{REGION}")
address = ec2.allocate_address(Domain="vpc")
print('AR = [ TYPE = "IP4", IP = "10.0.128.2", SIZE = "1", IPAM_MAD = "edgewrap", EXTERNAL_IP = "'
      + address["PublicIp"] + '", CLUSTERS = "' + os.environ["EDGEWRAP_CLUSTERS_DIR"] + '" ]')
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    made = Lab(tmp_path_factory.mktemp("lab") / "lab")
    made.up("--no-hosts")
    yield made
    made.down()


def test_a_driver_reaches_the_labs_aws(lab: Lab) -> None:
    environ = dict(line.partition("=")[::2] for line in lab.run("env").stdout.splitlines())
    remotes, clusters = (Path(environ[name]) for name in ("EDGEWRAP_REMOTES", "EDGEWRAP_CLUSTERS_DIR"))
    assert (remotes / "ipam").is_dir()
    assert clusters.is_dir()
    script = remotes / "ipam" / "edgewrap" / "register_address_range"
    script.parent.mkdir()
    script.write_text(_REGISTER)
    script.chmod(0o755)

    number = lab.one("one.vn.allocate", NETWORK.format("n"), -1)
    while tree(lab.one("one.vn.info", number)).findtext("STATE") != READY:
        pass
    lab.one("one.vn.add_ar", number, 'AR = [ IPAM_MAD = "edgewrap" ]')
    found = tree(lab.one("one.vn.info", number)).find("AR_POOL/AR")
    with lab.network():
        (address,) = lab.ec2.describe_addresses()["Addresses"]
    assert found is not None
    assert found.findtext("EXTERNAL_IP") == address["PublicIp"]
    assert found.findtext("CLUSTERS") == str(clusters)


def test_the_labs_front_end_lists_edgewraps_driver(lab: Lab) -> None:
    config = lab.one("one.system.config")
    assert "-t 1 -i dummy,aws,equinix,vultr,scaleway,edgewrap]]></ARGUMENTS><EXECUTABLE><![CDATA[one_ipam" in config
