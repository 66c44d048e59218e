"""The driver's files on a front-end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgewrap.aws.clients import Clients
from edgewrap.aws.elastic_ips import ElasticIps
from edgewrap.errors import IpamError
from edgewrap.ipam.install import ACTIONS, configuration_lines, install
from edgewrap.ipam.specs import directory, spec_at, spec_named
from tests.support.aws_plane import make_spec

SPEC = "apiVersion: edgewrap/v1\nname: edge-paris\naws: { region: eu-west-3 }\nevpn: { password: '${env:NOT_SET}' }\n"


@pytest.fixture
def front_end(tmp_path: Path) -> dict[str, Path]:
    """A spec, the directory of drivers, and that of specs."""
    spec, remotes = tmp_path / "edge.yaml", tmp_path / "remotes"
    spec.write_text(SPEC)
    remotes.mkdir()
    return {"spec": spec, "remotes": remotes, "clusters": tmp_path / "etc" / "clusters"}


def test_it_can_be_repeated(front_end: dict[str, Path]) -> None:
    environment = {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])}
    old = os.umask(0o077)
    try:
        written, spec = install(front_end["spec"], front_end["remotes"], environment)
    finally:
        os.umask(old)
    place = front_end["remotes"] / "ipam" / "edgewrap"
    copy = front_end["clusters"] / "edge-paris.yaml"
    assert written == [*(place / action for action in ACTIONS), copy]
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in (place, place.parent, copy.parent)} == {0o755}
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == (SPEC, 0o644)
    assert spec_named("", environment).model_dump() == spec.model_dump()
    assert install(front_end["spec"], front_end["remotes"], environment)[0] == []
    (place / "get_address").write_text("#!/bin/sh\n")
    assert install(front_end["spec"], front_end["remotes"], environment)[0] == [place / "get_address"]


def test_the_files_belong_to_the_owner_of_the_directory(front_end: dict[str, Path]) -> None:
    if os.geteuid() == 0:
        os.chown(front_end["remotes"], 9869, 9869)  # oneadmin
    owner = front_end["remotes"].stat().st_uid
    install(front_end["spec"], front_end["remotes"], {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])})
    assert {path.stat().st_uid for path in front_end["remotes"].rglob("*")} == {owner}


def test_the_script_runs_its_action_whatever_the_environment(front_end: dict[str, Path]) -> None:
    install(front_end["spec"], front_end["remotes"], {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])})
    path = front_end["remotes"] / "ipam" / "edgewrap" / "allocate_address"
    done = subprocess.run(
        [path, "3"], env={"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("link", ["ipam", "ipam/edgewrap"])
def test_root_does_not_write_where_oneadmin_lets_a_link_lead(front_end: dict[str, Path], link: str) -> None:
    target = front_end["remotes"].with_name("target")
    target.mkdir()
    place = front_end["remotes"] / link
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(target)
    with pytest.raises(IpamError, match="cannot be written: it is a symbolic link"):
        install(front_end["spec"], front_end["remotes"], {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])})
    assert list(target.iterdir()) == []


def test_no_front_end_here(front_end: dict[str, Path]) -> None:
    with pytest.raises(IpamError, match="nowhere is not a directory"):
        install(front_end["spec"], front_end["remotes"] / "nowhere", {})


def test_the_line_for_the_configuration_keeps_the_other_drivers() -> None:
    assert '-i dummy,edgewrap"' in configuration_lines()
    assert '-i dummy,aws,edgewrap"' in configuration_lines(("dummy", "aws", "edgewrap"))
    assert directory({}) == Path("/etc/edgewrap/clusters")


def test_two_clusters_with_overlapping_subnets(front_end: dict[str, Path]) -> None:
    environment = {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])}
    install(front_end["spec"], front_end["remotes"], environment)
    other = front_end["spec"].with_name("other.yaml")
    other.write_text(SPEC.replace("edge-paris", "edge-rome"))
    with pytest.raises(IpamError, match="the subnets of edge-rome and edge-paris overlap"):
        install(other, front_end["remotes"], environment)
    other.write_text(other.read_text().replace("eu-west-3 }", "eu-west-3, network: { cidr: 10.9.0.0/16 } }"))
    install(other, front_end["remotes"], environment)
    found = [spec_at(address, environment) for address in ("10.0.128.2", "10.9.128.2", "192.0.2.1", "", "x")]
    assert [spec.name if spec else "" for spec in found] == ["edge-paris", "edge-rome", "", "", ""]


def test_the_driver_needs_the_addresses_of_an_existing_subnet(front_end: dict[str, Path]) -> None:
    """It computes pairs from them, without a state that has them."""
    environment = {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])}
    network = "vpc_id: vpc-0123456789abcdef0, subnet_id: subnet-0123456789abcdef0"
    text = SPEC.replace("eu-west-3 }", f"eu-west-3, network: {{ {network} }} }}")
    front_end["spec"].write_text(text)
    with pytest.raises(IpamError, match="does not have the addresses of its subnet"):
        install(front_end["spec"], front_end["remotes"], environment)
    ids = {"vpc_id": "vpc-0123456789abcdef0", "subnet_id": "subnet-0123456789abcdef0"}
    spec = make_spec(aws={"network": ids})
    with pytest.raises(IpamError, match="the spec of edge-paris does not have the addresses of its subnet"):
        ElasticIps(spec, Clients(spec, {})).free_pairs()
    front_end["spec"].write_text(text.replace(network, f"{network}, subnet: 10.50.4.0/22"))
    install(front_end["spec"], front_end["remotes"], environment)
    found = spec_at("10.50.6.2", environment)
    assert found is not None
    assert found.name == "edge-paris"


def test_a_spec_under_another_name_or_not_a_file(front_end: dict[str, Path]) -> None:
    environment = {"EDGEWRAP_CLUSTERS_DIR": str(front_end["clusters"])}
    install(front_end["spec"], front_end["remotes"], environment)
    path = front_end["clusters"] / "edge-paris.yaml"
    path.rename(path.with_name("edge-rome.yaml"))
    with pytest.raises(IpamError, match="the spec of edge-rome on the front-end is that of edge-paris"):
        spec_named("edge-rome", environment)
    os.mkfifo(path)
    with pytest.raises(IpamError, match=r"the spec cannot be read: .*edge-paris\.yaml: not a file"):
        spec_named("edge-paris", environment)
