"""Which cluster a range belongs to. The front-end keeps the spec of each cluster in a directory, as `NAME.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from errno import ENOENT
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from edgewrap.counted import counted
from edgewrap.errors import IpamError, SpecError
from edgewrap.paths import expanded, is_file
from edgewrap.spec.load import load_spec
from edgewrap.spec.models import Spec

DIRECTORY = Path("/etc/edgewrap/clusters")
DIRECTORY_VARIABLE = "EDGEWRAP_CLUSTERS_DIR"
CLUSTER_ATTRIBUTE = "EDGEWRAP_CLUSTER"
UNUSED_VALUE = "not-set-on-the-front-end"


class Environment(dict[str, str]):
    """The environment for the specs. A secret of theirs, such as the BGP password, need not be set on the front-end:
    the driver does not use it."""

    def __missing__(self, name: str) -> str:
        return UNUSED_VALUE

    def __contains__(self, name: object) -> bool:
        return True


def directory(environ: Mapping[str, str]) -> Path:
    """Where the specs are."""
    return expanded(environ.get(DIRECTORY_VARIABLE) or str(DIRECTORY))


def spec_named(name: str, environ: Mapping[str, str]) -> Spec:
    """The spec of the cluster `name`; without a name, the only spec that there is.

    Raises IpamError if there is none or more than one, or if it cannot be read. Tenants see the message.
    """
    known = _known(environ)
    if not known:
        raise IpamError(
            "no cluster is set up on this front-end",
            cause="the driver needs the spec of each cluster",
            advice="an administrator runs `edgewrap ipam install`",
        )
    if name not in known and (name or len(known) > 1):
        raise IpamError(
            f"no cluster is named {name}"
            if name
            else f"{counted(len(known), 'cluster')} are set up, and the range names none",
            cause=f"{CLUSTER_ATTRIBUTE} of the range says which",
            advice=f"set {CLUSTER_ATTRIBUTE} in the range, or have an administrator run `edgewrap ipam install`",
        )
    found = name or next(iter(known))
    spec = read_spec(known[found], environ)
    if spec.name != found:
        raise IpamError(
            f"the spec of {found} on the front-end is that of {spec.name}",
            cause="it was copied by hand",
            advice="an administrator runs `edgewrap ipam install`",
        )
    return spec


def spec_at(address: str, environ: Mapping[str, str]) -> Spec | None:
    """The spec of the cluster whose subnet has this address. Unlike the cluster that a range names, its address cannot
    be changed; no two clusters of a front-end may have overlapping subnets. Raises IpamError if a spec cannot be
    read."""
    try:
        wanted = IPv4Address(address)
    except AddressValueError:
        return None
    specs = [read_spec(path, environ) for path in _known(environ).values()]
    return next((spec for spec in specs if (subnet := spec.aws.network.subnet_cidr) and wanted in subnet), None)


def overlapping(spec: Spec, environ: Mapping[str, str]) -> list[str]:
    """The names of other clusters on the front-end whose subnets overlap. Raises IpamError if a spec cannot be read."""
    others = [read_spec(path, environ) for name, path in _known(environ).items() if name != spec.name]
    subnet = spec.aws.network.subnet_cidr
    known = {other.name: other.aws.network.subnet_cidr for other in others}
    return [name for name, other in known.items() if subnet and other and other.overlaps(subnet)]


def read_spec(path: Path, environ: Mapping[str, str]) -> Spec:
    """The spec in a file. Raises IpamError."""
    try:
        if not is_file(path):
            raise FileNotFoundError(ENOENT, "not a file")
        return load_spec(path, Environment(environ))
    except (SpecError, OSError) as error:
        first = str(error.problems[0]) if isinstance(error, SpecError) else f"{path}: {error.strerror}"
        raise IpamError(
            f"the spec cannot be read: {first}",
            cause="it is not a valid spec, or oneadmin may not read it",
            advice="an administrator runs `edgewrap ipam install`",
        ) from None


def _known(environ: Mapping[str, str]) -> dict[str, Path]:
    return {path.stem: path for path in sorted(directory(environ).glob("*.yaml"))}
