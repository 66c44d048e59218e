"""The user data: a small cloud-config document that says what the files of the set-up say."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgewrap.aws.render.module import VARIABLES_FILE, render
from edgewrap.aws.render.user_data import EC2_LIMIT, user_data
from edgewrap.first_boot.files import setup_files
from edgewrap.spec.models import Spec
from tests.support.aws_plane import PUBLIC_KEY, first_inputs, make_spec

COMMENTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60
) | st.sampled_from(
    ['a"b', "a'b", "$(reboot)", "`reboot`", ": - #", "{{ jinja }}", "|", "!!python/object:os.system", "é日本"]
)


def spec_with(comment: str = "", **sections: Any) -> Spec:
    key = f"{PUBLIC_KEY} {comment}" if comment else PUBLIC_KEY
    return make_spec(opennebula={"oneadmin_public_key": key}, **sections)


@given(comment=COMMENTS, hypervisor=st.sampled_from(["kvm", "lxc"]))
def test_user_data_has_every_file_unchanged_and_runs_the_script(comment: str, hypervisor: str) -> None:
    spec = spec_with(comment, hosts={"hypervisor": hypervisor})
    text = user_data(spec, "7.0")
    assert text.startswith("#cloud-config\n")
    document = yaml.safe_load(text)
    assert [(file["path"], file["content"], file["permissions"]) for file in document["write_files"]] == [
        (file.path, file.text, file.mode) for file in setup_files(spec, "7.0")
    ]
    assert document["runcmd"] == [["sh", "/var/lib/edgewrap/setup.sh"]]
    assert set(document) == {"write_files", "runcmd"}


def test_it_fits_ec2_with_the_longest_key() -> None:
    longest = "ssh-rsa AAAAB3NzaC1yc2E" + "A" * (16384 // 6) + "A="  # RSA of 16384 bits
    spec = spec_with().model_copy(deep=True)
    spec = spec.model_copy(
        update={"opennebula": spec.opennebula.model_copy(update={"oneadmin_public_key": f"{longest} {'c' * 200}"})}
    )
    assert len(user_data(spec, "7.0").encode()) < EC2_LIMIT * 0.6


def test_a_person_can_read_the_script_in_it() -> None:
    assert "\n    set -eu\n" in user_data(spec_with(), "7.0")


def test_user_data_is_a_value_and_only_set_for_first_boot_setup() -> None:
    spec = spec_with()
    inputs = first_inputs(make_spec()).model_copy(update={"opennebula_version": "7.0"})
    files = render(spec, inputs)
    assert json.loads(files[VARIABLES_FILE])["user_data"] == user_data(spec, "7.0")
    assert "user_data_replace_on_change = false" in files["modules/hosts/main.tf"]
    assert not any("cloud-config" in text for name, text in files.items() if name != VARIABLES_FILE)
    assert json.loads(render(make_spec(), first_inputs(make_spec()))[VARIABLES_FILE])["user_data"] is None


@pytest.mark.parametrize("version", ["7.0", ""])
def test_a_cluster_can_be_destroyed_whether_the_spec_still_has_the_key_or_not(version: str) -> None:
    for spec in (make_spec(), spec_with()):
        inputs = first_inputs(make_spec()).model_copy(update={"opennebula_version": version})
        text = json.loads(render(spec, inputs)[VARIABLES_FILE])["user_data"]
        assert (text is not None) == (bool(version) and spec.opennebula.oneadmin_public_key is not None)
