"""What a cluster is on the front-end and on its hosts, in words that are the same for every cluster of one spec."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgewrap.events import discard
from edgewrap.hosts.plane import HostsPlane
from edgewrap.opennebula.api.client import FrontEnd
from edgewrap.opennebula.api.credentials import Session
from edgewrap.opennebula.facts import observe
from edgewrap.opennebula.kinds.base import Existing
from edgewrap.opennebula.kinds.host import HostFacts
from edgewrap.opennebula.kinds.template import vector_of
from edgewrap.outputs import Outputs
from edgewrap.plane import Context
from edgewrap.spec.load import load_spec
from tests.support.lab import Lab

_HOSTS_OWN = ("EDGEWRAP", "IM_MAD", "VM_MAD", "REPLICA")  # the rest of a host's attributes its monitoring brings
_VARYING = (  # the kernel's MACs, hosts' own keys, files that name addresses (a diff compares them whole), times, ids
    (r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b", "MAC"),
    (r"ssh-ed25519 [A-Za-z0-9+/=]+", "HOST-KEY"),
    (r"sha256='\w+'", "SHA256"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"'CLUSTER_IDS', '\d+'|'ID': '\d+'|\bid=\d+", "ID"),
)
_KEY = re.compile(r"(host|group|eip)-\d+")


def on_front_end(lab: Lab, name: str, outputs: Any) -> list[str]:
    """The cluster's objects on the front-end, ids aside."""
    secret = (lab.directory / "home" / ".one" / "one_auth").read_text().strip()
    with lab.network():
        facts = observe(FrontEnd(lab.facts["front_end_endpoint"], Session(secret)))
    lines = [
        f"{one.kind} {one.name} {_set_by_us(one)} {getattr(one, 'ranges', '')} {getattr(one, 'state_word', '')}"
        for one in facts.everything
        if vector_of(one.template, "EDGEWRAP").get("CLUSTER") == name
    ]
    anonymous = Anonymous(name, outputs)
    return sorted(map(anonymous, lines))


def on_hosts(lab: Lab, spec: Path, name: str, outputs: Outputs, shown: Any) -> dict[str, str]:
    """The facts of each host, by its key."""
    with lab.network():
        seen = HostsPlane(load_spec(spec, {}), discard).observe(Context(outputs))
    assert seen.failures == {}
    anonymous = Anonymous(name, shown)
    return {key: anonymous(repr(facts)) for key, facts in seen.facts.items()}


class Anonymous:
    """Puts the place in the outputs where a text has a value that another cluster has not."""

    def __init__(self, name: str, outputs: Any) -> None:
        leaves = {value: path for path, value in _leaves("", outputs) if value and not _KEY.fullmatch(value)}
        self._known = {**leaves, name: "NAME"}

    def __call__(self, text: str) -> str:
        for value in sorted(self._known, key=len, reverse=True):
            text = re.sub(rf"(?<![\w.]){re.escape(value)}(?![\w.])", self._known[value], text)
        for pattern, word in _VARYING:
            text = re.sub(pattern, word, text)
        text = re.sub(r"(?<=frozenset\(\{)[^{}]+(?=\}\))", _sorted_pairs, text)  # Python's order depends on the hashes
        return re.sub(r"(?<=\{ )[^{}]+(?= \})", _sorted_set, text)  # nft lists a set by its values


def _sorted_set(found: re.Match[str]) -> str:
    return ", ".join(sorted(found[0].split(", ")))


def _sorted_pairs(found: re.Match[str]) -> str:
    return ", ".join(sorted(re.findall(r"\(.*?\)", found[0])))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}", item)
    elif isinstance(value, str):
        yield path, value


def _set_by_us(one: Existing) -> list[tuple[str, object]]:
    everything = not isinstance(one, HostFacts)
    return sorted(item for item in one.template.items() if everything or item[0].startswith(_HOSTS_OWN))
