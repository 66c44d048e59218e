"""One provider for all terraform processes of a run, with the real terraform and provider."""

from __future__ import annotations

from typing import Any

import pytest

from edgewrap.aws.planner import AwsPlan
from edgewrap.aws.terraform.shared_provider import installed_package


def planned(make_cluster: Any, terraform: Any, reattach: str) -> tuple[AwsPlan, dict[str, str], Any]:
    """A plan of a new cluster, and the description of a running provider that each terraform command was given."""
    cluster = make_cluster(f"reattach-{reattach}")
    cluster.binary.write_text(f'#!/bin/sh\necho "$1 $TF_REATTACH_PROVIDERS" >>{cluster.log}\nexec {terraform} "$@"\n')
    plan = cluster.plan(cluster.spec(terraform={"binary": str(cluster.binary), "reattach": reattach}))
    given = dict(command.split(" ", 1) for command in cluster.commands())
    return plan, given, cluster


def test_a_plan_is_the_same_with_one_provider_and_with_one_for_each_process(
    make_cluster: Any, terraform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TF_LOG_PROVIDER", raising=False)  # set if all tests run without a shared provider
    shared, given, cluster = planned(make_cluster, terraform, "auto")
    package = installed_package(cluster.directory / "work" / "terraform")
    assert package is not None
    assert package.matches()
    assert (given["version"], given["init"]) == ("", "")
    assert given["plan"].startswith(f'{{"{package.address}": {{')
    apart, given, _ = planned(make_cluster, terraform, "off")
    assert given == dict.fromkeys(("version", "init", "plan"), "")
    assert summary(shared) == summary(apart)
    assert len(shared.changes) > 10


def summary(plan: AwsPlan) -> list[tuple[str, ...]]:
    """Its changes, without the values: names contain the cluster's UUID."""
    return [(change.kind, change.key, change.action, change.why, *sorted(change.after)) for change in plan.changes]
