"""The DNS names that AWS gives to public addresses. Pure.

They follow from address and region; the provider computes those of `aws_eip` the same way. `aws_instance.public_dns` is
of no use: it is old, or empty, in the very apply that gives a host its address or turns DNS hostnames on.
"""

from __future__ import annotations

_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}
"""The DNS suffixes of AWS's other partitions, by what the names of their regions begin with."""


def public_dns_name(address: str, region: str) -> str:
    """The name of a public address. AWS resolves it to that address, and inside the VPC to the private one."""
    zone = "compute-1" if region == "us-east-1" else f"{region}.compute"
    suffix = next((suffix for prefix, suffix in _SUFFIXES.items() if region.startswith(prefix)), "amazonaws.com")
    return f"ec2-{address.replace('.', '-')}.{zone}.{suffix}"
