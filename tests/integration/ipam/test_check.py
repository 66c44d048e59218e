"""`edgewrap ipam install --check`: what is missing on a front-end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edgewrap.cli.main import build
from edgewrap.cli.main import run as run_command
from tests.integration.ipam.conftest import FrontEndDriver
from tests.support.documents import check_output
from tests.support.front_end_process import FrontEndProcess

Check = Callable[..., tuple[int, dict[str, tuple[str, str]]]]


@pytest.fixture
def check(
    front_end: FrontEndDriver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Check]:
    """A front-end with nothing but the cluster in AWS; runs `--check` there: the exit code, and verdict and text by
    check."""
    one = FrontEndProcess(tmp_path)
    one.start()
    (tmp_path / "remotes").mkdir()
    spec = front_end.spec("edge-calais").rename(tmp_path / "edge.spec")
    monkeypatch.setenv("AWS_ENDPOINT_URL", front_end.environment()["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("ONE_XMLRPC", one.url)
    monkeypatch.setenv("ONE_AUTH", str(one.login))
    monkeypatch.setenv("EDGEWRAP_REMOTES", str(tmp_path / "remotes"))
    monkeypatch.setenv("EDGEWRAP_CLUSTERS_DIR", str(tmp_path))

    def run(*options: str) -> tuple[int, dict[str, tuple[str, str]]]:
        code = run_command(build(), ["ipam", "install", "--file", str(spec), *options])
        shown = capsys.readouterr().out
        check_output(["ipam", "install", *options], code, shown)
        answer = json.loads(shown.splitlines()[-1] if code else shown) if "--json" in options else {}
        findings: list[dict[str, Any]] = answer.get("findings", [])
        return code, {one["check"]: (one["verdict"], f"{one['text']} {one['advice']}") for one in findings}

    yield run
    one.stop()


def test_what_is_missing(check: Check) -> None:
    code, found = check("--check", "--json")
    assert code == 1
    assert {name: verdict for name, (verdict, _) in found.items()} == {
        "driver scripts": "failure",
        "spec": "failure",
        "front-end's configuration": "failure",
        "AWS credentials and rights": "ok",
    }
    assert "IPAM_MAD lists aws, dummy, equinix, scaleway, vultr, not edgewrap" in found["front-end's configuration"][1]
    assert '-i aws,dummy,equinix,scaleway,vultr,edgewrap"' in found["front-end's configuration"][1]
    assert "the driver may allocate; 8 pairs free" in found["AWS credentials and rights"][1]


def test_what_an_installation_leaves_to_do(check: Check) -> None:
    assert check()[0] == 0
    code, found = check("--check", "--json")
    assert (code, found["driver scripts"][0] in ("ok", "warning"), found["spec"][0]) == (1, True, "ok")
    assert [name for name, (verdict, _) in found.items() if verdict == "failure"] == ["front-end's configuration"]


def test_a_script_and_a_spec_of_an_older_version(check: Check, tmp_path: Path) -> None:
    check()
    script = tmp_path / "remotes" / "ipam" / "edgewrap" / "get_address"
    script.write_text("#!/bin/sh\n")
    copy = tmp_path / "edge-calais.yaml"
    copy.write_text(copy.read_text().replace("count: 0", "count: 2"))
    _, found = check("--check", "--json")
    assert (found["driver scripts"][0], found["spec"][0]) == ("failure", "warning")
    assert "has no current get_address" in found["driver scripts"][1]


def test_no_cluster_and_no_front_end(check: Check, front_end: FrontEndDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_XMLRPC", "http://127.0.0.1:1/RPC2")
    for number in front_end.interfaces:
        front_end.ec2.delete_tags(Resources=[number], Tags=[{"Key": "edgewrap:cluster"}])
    _, found = check("--check", "--json")
    assert found["front-end's configuration"][0] == "failure"
    assert "no clusters named edge-calais have interface groups in eu-west-3" in found["cluster"][1]


def test_no_rights(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def refused(self: Any, operation: str, arguments: dict[str, Any]) -> Any:
        if operation == "AllocateAddress":
            error: Any = {
                "Code": "UnauthorizedOperation",
                "Message": "You are not authorized to perform this operation.",
            }
            raise ClientError({"Error": error}, operation)
        return call(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", refused)
    code, found = check("--check", "--json")
    assert (code, found["AWS credentials and rights"][0]) == (1, "failure")
    assert "UnauthorizedOperation" in found["AWS credentials and rights"][1]
