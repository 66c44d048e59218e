"""Which cluster a range belongs to. The front-end keeps the spec of each cluster in a directory, as `NAME.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgewrap.errors import IpamError, SpecError
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
    return Path(environ.get(DIRECTORY_VARIABLE) or DIRECTORY)


def find_spec(attributes: Mapping[str, str], environ: Mapping[str, str]) -> Spec:
    """The spec of the cluster that the range's EDGEWRAP_CLUSTER names; without one, the only spec that there is.

    Raises IpamError if there is none or more than one, or if it cannot be read.
    """
    place = directory(environ)
    known = {path.stem: path for path in sorted(place.glob("*.yaml"))}
    wanted = attributes.get(CLUSTER_ATTRIBUTE, "")
    if not known:
        raise IpamError(
            f"no cluster is set up: {place} has no NAME.yaml",
            cause="the front-end needs the spec of each cluster",
            advice="run `edgewrap ipam install -f SPEC` there",
        )
    if wanted not in known and (wanted or len(known) > 1):
        raise IpamError(
            f"no cluster is named {wanted}"
            if wanted
            else f"{len(known)} clusters are set up, and the range names none",
            cause=f"{place} has {', '.join(known)}",
            advice=f"set {CLUSTER_ATTRIBUTE} in the range to one of them",
        )
    path = known[wanted] if wanted else next(iter(known.values()))
    return read_spec(path, environ)


def read_spec(path: Path, environ: Mapping[str, str]) -> Spec:
    """The spec in a file. Raises IpamError."""
    try:
        return load_spec(path, Environment(environ))
    except (SpecError, OSError) as error:
        raise IpamError(
            f"{path} cannot be read: {error}",
            cause="it is not a valid spec, or oneadmin may not read it",
            advice="run `edgewrap ipam install -f SPEC` again",
        ) from None
