"""The hosts plane of an applied cluster, driven from here and without Terraform, so that it can be measured alone."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import TypeAdapter

from edgewrap.events import discard
from edgewrap.hosts.plane import HostsPlane
from edgewrap.outputs import Outputs
from edgewrap.spec.load import load_spec
from tests.support.lab import Lab


def key_file(lab: Lab) -> Path:
    """The private key that the lab's hosts let in."""
    return lab.directory / "home" / ".ssh" / "id_ed25519"


def write_spec(lab: Lab, directory: Path, text: str) -> Path:
    """A spec that names the lab's key by its full path: it means the same in the lab and here."""
    path = directory / "edge.yaml"
    path.write_text(f"apiVersion: edgewrap/v1\n{text}ssh: {{ public_key: {key_file(lab)}.pub }}\n")
    return path


def read_outputs(lab: Lab, spec: Path) -> Outputs:
    """What the AWS plane gave."""
    return TypeAdapter(Outputs).validate_json(lab.edgewrap("output", "--file", str(spec), "--json").stdout)


def hosts_plane(spec: Path) -> HostsPlane:
    """The hosts plane. Call upon it within the lab's network."""
    return HostsPlane(load_spec(spec, os.environ), discard)
