"""A first apply whose front-end cannot be reached: no hosts are created whose keys could not be pinned."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab import EDGEWRAP, Lab

SPEC = """
apiVersion: edgewrap/v1
name: edge-first
aws: { region: eu-west-3 }
opennebula: { endpoint: "http://127.0.0.1:1/RPC2" }
hosts: { count: 1 }
public_network: { elastic_ips: { count: 1 }, groups: 1 }
"""
READS = ("Describe", "Get", "List")


def test_apply_stops_before_it_creates_anything(lab: Lab, tmp_path: Path) -> None:
    spec = tmp_path / "edge.yaml"
    spec.write_text(SPEC)
    options = ("--file", str(spec), "--auto-approve", "--host-timeout", "60")
    done = lab.exec(EDGEWRAP, "apply", *options, "--skip", "opennebula", check=False, timeout=580)
    text = done.stdout + done.stderr
    assert done.returncode == 1, text
    assert "Error: the pinned host keys cannot be read: http://127.0.0.1:1/RPC2 is not reachable" in text
    made = {call["action"] for call in lab.requests() if not call["action"].startswith(READS)}
    assert made == set()
