"""One provider for all terraform processes of a run, with the real terraform and provider."""

from __future__ import annotations

from typing import Any

from edgewrap.aws.planner import AwsPlan
from edgewrap.aws.terraform.shared_provider import installed_package


def planned(make_cluster: Any, terraform: Any, reattach: str) -> tuple[AwsPlan, dict[str, str], Any]:
    """A plan of a new cluster, and by terraform command what it was told of a provider that runs."""
    cluster = make_cluster(f"reattach-{reattach}")
    cluster.binary.write_text(f'#!/bin/sh\necho "$1 $TF_REATTACH_PROVIDERS" >>{cluster.log}\nexec {terraform} "$@"\n')
    plan = cluster.plan(cluster.spec(terraform={"binary": str(cluster.binary), "reattach": reattach}))
    told = dict(command.split(" ", 1) for command in cluster.commands())
    return plan, told, cluster


def test_a_plan_is_the_same_with_one_provider_and_with_one_for_each_process(make_cluster: Any, terraform: Any) -> None:
    shared, told, cluster = planned(make_cluster, terraform, "auto")
    package = installed_package(cluster.directory / "work" / "terraform")
    assert package is not None
    assert package.matches()
    assert (told["version"], told["init"]) == ("", "")
    assert told["plan"].startswith(f'{{"{package.address}": {{')
    assert told["plan"] == told["show"]
    apart, told, _ = planned(make_cluster, terraform, "off")
    assert told == dict.fromkeys(("version", "init", "plan", "show"), "")
    assert shared.changes == apart.changes
