"""The connections of a live migration: what the destination calls itself."""

from __future__ import annotations

import pytest

from edgewrap.lab.vms.migration import own_name


@pytest.mark.parametrize(
    ("configuration", "name"),
    [
        ("", "ip-10-0-0-11"),
        ('#migration_host = "host.example.com"\n', "ip-10-0-0-11"),
        ('# ours\nmigration_host = "10.0.0.11"\nmigration_host = "second"\n', "10.0.0.11"),
    ],
)
def test_libvirts_own_setting_counts_before_the_host_name(configuration: str, name: str) -> None:
    assert own_name(configuration, "ip-10-0-0-11\n") == name
