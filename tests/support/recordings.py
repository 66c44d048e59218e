"""What real front-ends answered, call by call."""

from __future__ import annotations

import json
import xmlrpc.client
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

RECORDINGS = Path(__file__).parents[1] / "data" / "opennebula"


@cache
def _steps(name: str) -> dict[str, dict[str, Any]]:
    lines = (RECORDINGS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    recorded = [json.loads(line) for line in lines]
    return {entry["step"]: entry for entry in reversed(recorded)}  # of equal steps, the first


@dataclass(frozen=True)
class ReplayWire:
    """Answers any call with one recorded answer."""

    entry: dict[str, Any]

    def post(self, body: bytes) -> bytes:
        fault = self.entry.get("fault")
        answer: Any = xmlrpc.client.Fault(fault["code"], fault["string"]) if fault else (self.entry["reply"],)
        return xmlrpc.client.dumps(answer, methodresponse=True).encode()


@dataclass(frozen=True)
class Recording:
    """One version's recordings: the first story and the one with VMs."""

    version: str

    def step(self, name: str) -> dict[str, Any]:
        """A step by its name."""
        for story in (self.version, f"{self.version}-vms"):
            if name in _steps(story):
                return _steps(story)[name]
        raise LookupError(name)

    def xml(self, name: str) -> ElementTree.Element:
        """The XML of a step's answer."""
        return ElementTree.fromstring(self.step(name)["reply"][1])  # noqa: S314  our own recording

    def wire(self, name: str) -> ReplayWire:
        """A front-end that gives this answer."""
        return ReplayWire(self.step(name))
