"""Outputs of facts.sh as recorded on a real host, edited by hand's measure, and the host that they belong to."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgewrap.hosts.desired import DesiredHost, desired_hosts
from edgewrap.hosts.facts import FileFact, HostFacts, parse_facts
from edgewrap.hosts.render.files import NETWORK_SCRIPT, host_files
from edgewrap.outputs import EipOutput, GroupOutput, HostOutput, Outputs
from edgewrap.spec.models import Spec

DATA = Path(__file__).parents[2] / "data" / "hosts"


def spec(**ssh: object) -> Spec:
    """A spec with these values of `ssh`."""
    return Spec.model_validate(
        {"apiVersion": "edgewrap/v1", "name": "edge", "aws": {"region": "eu-west-3"}, "ssh": ssh}
    )


def outputs(mac: str = "0e:00:00:00:00:01") -> Outputs:
    """What the recorded host belongs to: host-0 is the entry of two groups with one Elastic IP each, host-1 of none."""
    hosts = [
        HostOutput(f"host-{i}", i, f"i-{i}", f"10.0.0.{10 + i}", "", f"10.0.0.{10 + i}", "running") for i in (0, 1)
    ]
    groups = [
        GroupOutput("group-0", 0, "eni-0", mac, "10.0.128.0", "10.0.128.0/25", "host-0", 1),
        GroupOutput("group-1", 1, "eni-1", "0e:00:00:00:00:02", "10.0.128.128", "10.0.128.128/25", "host-0", 2),
    ]
    eips = [
        EipOutput("eip-0", "eipalloc-0", "203.0.113.10", "10.0.128.2", "10.0.128.3", "group-0"),
        EipOutput("eip-1", "eipalloc-1", "203.0.113.11", "10.0.128.130", "10.0.128.131", "group-1"),
    ]
    return Outputs(
        uuid="00000000-0000-4000-8000-000000000000",
        region="eu-west-3",
        zone="eu-west-3a",
        vpc_id="vpc-1",
        vpc_cidr="10.0.0.0/16",
        subnet_id="subnet-1",
        subnet_cidr="10.0.0.0/16",
        hosts={host.key: host for host in hosts},
        groups={group.key: group for group in groups},
        eips={eip.key: eip for eip in eips},
    )


def wanted(key: str = "host-0", **ssh: object) -> DesiredHost:
    """What the recorded host should be."""
    return desired_hosts(spec(**ssh), outputs())(key)


def recorded(name: str, edits: list[dict[str, Any]] | None = None, host: DesiredHost | None = None) -> HostFacts:
    """A recording with edits made to it. A converged host has the files as this version writes them for `host`."""
    text = (DATA / f"{name}.txt").read_text()
    for edit in edits or []:
        text = _edited(text, **edit)
    facts = parse_facts(text)
    if NETWORK_SCRIPT not in facts.files:
        return facts
    files = {file.path: FileFact(file.row.mode, file.row.owner, file.sha256) for file in host_files(host or wanted())}
    return replace(facts, files=files)


def converged(applied: Spec, known: Outputs, key: str) -> HostFacts:
    """The recorded host as it is with this spec, and the texts of its files."""
    host = desired_hosts(applied, known)(key)
    read = recorded("entry", host=host)
    vxlan = {"vxlan id": str(host.vni)}
    links = tuple(replace(one, settings=tuple({**dict(one.settings), **vxlan}.items())) for one in read.links)
    texts = {one.path: one.shown_text for one in host_files(host)}
    files = {path: replace(one, text=texts[path]) for path, one in read.files.items()}
    return replace(read, links=links, files=files)


def _edited(
    text: str,
    section: str,
    drop: dict[str, Any] | None = None,
    change: list[dict[str, Any]] | None = None,
    add: dict[str, Any] | None = None,
    replace: list[str] | None = None,
) -> str:
    """`drop`, `change` and `add` work on rows of JSON, `replace` on lines; each must find something."""
    match = re.search(rf"##edgewrap:section {section}\n(.*?)\n*(?=##edgewrap:section)", text, re.DOTALL)
    assert match is not None
    body = match[1]
    if replace:
        old, new = replace
        assert old in body
        body = body.replace(old, new)
    else:
        rows = json.loads(body or "[]")
        chosen = [row for row in rows if (drop or (change or [{}])[0]).items() <= row.items()]
        assert chosen
        if drop:
            rows = [row for row in rows if row not in chosen]
        elif change:
            rows = [{**row, **change[1]} if row in chosen else row for row in rows]
        else:
            rows.append(add)
        body = json.dumps(rows)
    return f"{text[: match.start(1)]}{body}\n\n{text[match.end() :]}"
