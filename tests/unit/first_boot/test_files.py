"""What a host sets itself up with."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.first_boot.files import SCRIPT, follows_front_end, sets_itself_up, setup_files
from tests.support.aws_plane import PUBLIC_KEY, make_spec

KEY = {"oneadmin_public_key": PUBLIC_KEY}


def _texts(**sections: object) -> dict[str, str]:
    return {file.path: file.text for file in setup_files(make_spec(**sections), "7.0")}


@pytest.mark.parametrize(("hypervisor", "package"), [("kvm", "opennebula-node-kvm"), ("lxc", "opennebula-node-lxc")])
def test_the_hypervisor_decides_the_package(hypervisor: str, package: str) -> None:
    settings = _texts(opennebula=KEY, hosts={"hypervisor": hypervisor})["/var/lib/edgewrap/setup.conf"].splitlines()
    assert f"node={package}" in settings
    assert "version=7.0" in settings


def test_the_settings_are_what_a_shell_reads() -> None:
    settings = _texts(opennebula=KEY)["/var/lib/edgewrap/setup.conf"]
    script = f'{settings}\nprintf "%s|" "$version" "$node" "$packages" "$repository" "$key_url" "$key_fingerprint"'
    told = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True).stdout.split("|")
    assert told[:3] == ["7.0", "opennebula-node-kvm", "frr frr-pythontools nftables python3"]
    assert all(url.startswith("https://downloads.opennebula.io/repo") for url in told[3:5])
    assert len(bytes.fromhex(told[5])) == 20


@pytest.mark.parametrize(("disk", "lvm"), [("root", False), ("instance-store", True), ({"gb": 100}, False)])
def test_only_instance_store_needs_lvm(disk: object, lvm: bool) -> None:
    settings = _texts(opennebula=KEY, hosts={"datastore_volume": disk})["/var/lib/edgewrap/setup.conf"]
    assert ("lvm2" in settings) is lvm


def test_the_script_is_valid_and_does_not_depend_on_the_spec() -> None:
    script = _texts(opennebula=KEY)[SCRIPT]
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    other = make_spec(opennebula={"oneadmin_public_key": f"{PUBLIC_KEY} $(reboot)"}, hosts={"hypervisor": "lxc"})
    assert setup_files(other, "6.10")[-1].text == script


@given(comment=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=60))
def test_the_key_is_only_in_its_own_file(comment: str) -> None:
    key = f"{PUBLIC_KEY} <{comment}>"
    files = setup_files(make_spec(opennebula={"oneadmin_public_key": key}), "7.0")
    assert [file.path for file in files if PUBLIC_KEY in file.text] == ["/var/lib/edgewrap/oneadmin.pub"]
    assert [file.text for file in files if PUBLIC_KEY in file.text] == [f"{key}\n"]


def test_only_what_the_set_up_needs_of_the_spec_is_in_it() -> None:
    plain = setup_files(make_spec(opennebula=KEY), "7.0")
    other = make_spec(
        aws={"tags": {"team": "edge"}, "endpoint_url": "http://127.0.0.1:1", "instance_profile": "secret"},
        opennebula={**KEY, "endpoint": "http://10.0.0.1:2633/RPC2"},
        ssh={"proxy_command": "password hunter2", "authorized_keys": [PUBLIC_KEY]},
    )
    assert setup_files(other, "7.0") == plain


def test_without_a_key_there_is_no_setup() -> None:
    spec = make_spec()
    assert not sets_itself_up(spec)
    assert not follows_front_end(spec)
    with pytest.raises(ValueError, match="oneadmin_public_key"):
        setup_files(spec, "7.0")


def test_auto_follows_the_front_end() -> None:
    assert follows_front_end(make_spec(opennebula=KEY))
    assert not follows_front_end(make_spec(opennebula={**KEY, "version": "7.0"}))
