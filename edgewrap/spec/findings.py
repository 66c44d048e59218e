"""What to know about a valid spec before it is applied; pure."""

from __future__ import annotations

from edgewrap.change import PlaneName
from edgewrap.finding import Finding, Verdict
from edgewrap.spec.models import Spec

SSH_FROM = "ssh.from"


def check_ssh_from(spec: Spec) -> Finding:
    """Whether everybody may open SSH to the hosts."""
    public = spec.hosts.address != "private"
    if public and any(network.prefixlen == 0 for network in spec.ssh.from_):
        text = "every address on the internet may open SSH to the hosts"
        advice = "set ssh.from to your own networks and the front-end's address"
        return Finding(PlaneName.AWS, SSH_FROM, Verdict.WARNING, text, advice)
    networks = ", ".join(map(str, spec.ssh.from_)) or "no network"
    return Finding(PlaneName.AWS, SSH_FROM, Verdict.OK, f"SSH to the hosts is open to {networks}")
