"""The metadata of instances in hand-made snapshots."""

from __future__ import annotations

import json

import pytest

from edgewrap.lab.metadata.tree import answer, instance_behind
from tests.support.snapshots import INSTANCE, OTHER, address, instance, interface, snapshot

PRIMARY = interface(10)
GROUP = interface(20, index=1, secondary_addresses=("10.0.0.22", "10.0.0.24"))
CLOUD = snapshot(
    PRIMARY, GROUP, addresses=(address("198.51.100.1", PRIMARY), address("203.0.113.1", GROUP, "10.0.0.22"))
)
HOST = instance(user_data="#cloud-config\n{}\n")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/latest/meta-data/instance-id", INSTANCE),
        ("/2021-03-23/meta-data/instance-id/", INSTANCE),
        ("/latest/meta-data/local-hostname", "ip-10-0-0-10"),
        ("/latest/meta-data/public-ipv4", "198.51.100.1"),
        ("/latest/meta-data/public-keys/", "0=lab"),
        ("/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA lab"),
        ("/latest/meta-data/network/interfaces/macs/", "02:00:00:00:00:0a/\n02:00:00:00:00:14/"),
        ("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:14/local-ipv4s", "10.0.0.20\n10.0.0.22\n10.0.0.24"),
        ("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:14/public-ipv4s", "203.0.113.1"),
        ("/latest/meta-data/network/interfaces/macs/02:00:00:00:00:14/device-number", "1"),
        ("/latest/user-data", "#cloud-config\n{}\n"),
        ("/latest", "dynamic/\nmeta-data/\nuser-data"),
        ("/latest/meta-data/nothing", None),
        ("/latest/meta-data/instance-id/below", None),
        ("/newest/meta-data/instance-id", None),
        ("/", None),
    ],
)
def test_paths_have_the_same_content_as_in_ec2(path: str, text: str | None) -> None:
    assert answer(CLOUD, HOST, path) == text


def test_the_identity_document_names_the_instance() -> None:
    document = answer(CLOUD, HOST, "/latest/dynamic/instance-identity/document")
    assert document is not None
    assert json.loads(document)["instanceId"] == INSTANCE


def test_without_user_data_and_key_they_are_not_served() -> None:
    bare = instance(public_key="")
    assert answer(CLOUD, bare, "/latest/user-data") is None
    assert answer(CLOUD, bare, "/latest/meta-data/public-keys/") is None


def test_every_listed_name_is_served() -> None:
    def walk(path: str) -> int:
        text = answer(CLOUD, HOST, path)
        assert text is not None, path
        if path.endswith("/public-keys/"):
            return 1
        return 1 + sum(walk(f"{path}{name}") for name in text.splitlines() if path.endswith("/"))

    assert walk("/latest/") > 25


def test_an_instance_is_identified_by_any_address_of_its_interfaces_in_its_vpc() -> None:
    for its_own in ("10.0.0.10", "10.0.0.20", "10.0.0.24"):
        found = instance_behind(CLOUD, "vpc-1", its_own)
        assert found is not None
        assert found.id == INSTANCE
    assert instance_behind(CLOUD, "vpc-2", "10.0.0.10") is None
    assert instance_behind(CLOUD, "vpc-1", "10.0.0.99") is None
    assert instance_behind(snapshot(interface(10, OTHER)), "vpc-1", "10.0.0.10") is None
