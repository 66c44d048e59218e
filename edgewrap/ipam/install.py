"""The driver's scripts on the front-end, the spec of a cluster, and what is missing there."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgewrap.atomic_files import write_atomically
from edgewrap.change import PlaneName
from edgewrap.counted import counted
from edgewrap.errors import AwsError, EdgewrapError, IpamError, OpenNebulaError, StateError
from edgewrap.finding import Finding, Verdict
from edgewrap.ipam.specs import directory, overlapping, read_spec
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec

NAME = "edgewrap"
ACTIONS = (
    "register_address_range",
    "unregister_address_range",
    "allocate_address",
    "get_address",
    "free_address",
)
_START = "from edgewrap.ipam.quick import main; raise SystemExit(main())"


def script(action: str) -> str:
    """The script of one action. Python is isolated: no variable of the front-end's changes what it imports."""
    return (
        f"#!/bin/sh\n# Written by `edgewrap ipam install`.\nexec {shlex.quote(sys.executable)} -I -c "
        f'"{_START}" {action} "$@"\n'
    )


def install(spec_file: Path, remotes: Path, environ: Mapping[str, str]) -> tuple[list[Path], Spec]:
    """Write the scripts below `remotes`, for its owner, and the spec where the driver finds it. Returns the files that
    changed, and the spec. Raises IpamError if the front-end's directory is missing or a file cannot be written."""
    spec = read_spec(spec_file, environ)
    if spec.aws.network.subnet_cidr is None:
        raise IpamError(
            "the spec does not have the addresses of its subnet",
            cause="the driver computes the addresses of Elastic IPs from aws.network.subnet",
            advice="write the existing subnet's addresses there: `aws ec2 describe-subnets` has them",
        )
    others = overlapping(spec, environ)
    if others:
        raise IpamError(
            f"the subnets of {spec.name} and {' and '.join(others)} overlap",
            cause="by the address of a range the driver knows which cluster it belongs to",
            advice="clusters that share a front-end and use the driver need different subnets (aws.network)",
        )
    if not remotes.is_dir():
        raise IpamError(
            f"{remotes} is not a directory",
            cause="OpenNebula is not installed on this machine, or its drivers are elsewhere",
            advice="run this on the front-end, or name the directory with --remotes",
        )
    changed: list[Path] = []
    try:
        owner = remotes.stat()
        for place in (remotes / "ipam", remotes / "ipam" / NAME):
            if place.is_symlink():  # root must not write where oneadmin lets it lead
                raise OSError(errno.ELOOP, "it is a symbolic link", str(place))
            if not place.is_dir():
                place.mkdir()
                _give(place, owner, 0o755)
        files = {remotes / "ipam" / NAME / action: script(action) for action in ACTIONS}
        for path, text in files.items():
            if write_atomically(path, text):
                changed.append(path)
            _give(path, owner, 0o755)
        clusters = directory(environ)
        if not clusters.is_dir():
            clusters.mkdir(parents=True)
            clusters.chmod(0o755)
        target = clusters / f"{spec.name}.yaml"
        if target.is_symlink():
            target.unlink()
        if write_atomically(target, spec_file.read_text(encoding="utf-8")):
            changed.append(target)
        target.chmod(0o644)
    except (OSError, StateError) as error:
        raise IpamError(
            error.what if isinstance(error, StateError) else f"{error.filename} cannot be written: {error.strerror}",
            cause="the driver belongs to oneadmin and the specs to root",
            advice="run this as root on the front-end",
        ) from error
    return changed, spec


def configuration_lines(drivers: tuple[str, ...] = ("dummy",)) -> str:
    """The section for /etc/one/oned.conf that lists the driver beside those in `drivers`."""
    listed = ",".join(dict.fromkeys((*drivers, NAME)))
    return f'IPAM_MAD = [\n    EXECUTABLE = "one_ipam",\n    ARGUMENTS  = "-t 1 -i {listed}"\n]'


def check(spec: Spec, remotes: Path, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """What the driver needs on the front-end; changes nothing. Run it as oneadmin: its credentials count."""
    return (*_scripts(remotes), *_specs(spec, environ), *_front_end(spec, environ), *_aws(spec, environ))


def _give(path: Path, owner: os.stat_result, mode: int) -> None:
    path.chmod(mode)
    if os.geteuid() == 0:
        os.chown(path, owner.st_uid, owner.st_gid)


def _scripts(remotes: Path) -> Iterator[Finding]:
    subject, advice = "driver scripts", "run `edgewrap ipam install` on the front-end"
    place = remotes / "ipam" / NAME
    wrong = [action for action in ACTIONS if not _is_current(place / action, action)]
    if wrong:
        text = f"{place} has no current {', '.join(wrong)}"
        yield Finding(PlaneName.OPENNEBULA, subject, Verdict.FAILURE, text, advice)
        return
    closed = next((str(one) for one in Path(sys.executable).parents if not one.stat().st_mode & 0o001), "")
    if closed:
        text = f"only some users may enter {closed}: oneadmin may not be able to run {sys.executable}"
        advice = "install edgewrap where every user can run it, such as /opt/edgewrap"
        yield Finding(PlaneName.OPENNEBULA, subject, Verdict.WARNING, text, advice)
        return
    yield Finding(PlaneName.OPENNEBULA, subject, Verdict.OK, f"installed in {place}")


def _is_current(path: Path, action: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == script(action) and os.access(path, os.X_OK)
    except (OSError, UnicodeDecodeError):
        return False


def _specs(spec: Spec, environ: Mapping[str, str]) -> Iterator[Finding]:
    path = directory(environ) / f"{spec.name}.yaml"
    advice = f"run `edgewrap ipam install -f SPEC`, which writes {path}"
    try:
        same = public_document(read_spec(path, environ)) == public_document(spec)
    except IpamError as error:
        yield Finding(PlaneName.OPENNEBULA, "spec", Verdict.FAILURE, error.what, advice)
        return
    verdict, text = (
        (Verdict.OK, str(path)) if same else (Verdict.WARNING, f"{path} differs from the spec of this check")
    )
    yield Finding(PlaneName.OPENNEBULA, "spec", verdict, text, "" if same else advice)


def _front_end(spec: Spec, environ: Mapping[str, str]) -> Iterator[Finding]:
    from edgewrap.opennebula.plane import connect, ipam_drivers

    subject = "front-end's configuration"
    try:
        drivers = ipam_drivers(connect(spec, environ))
    except OpenNebulaError as error:
        yield Finding(PlaneName.OPENNEBULA, subject, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
        return
    if NAME in drivers:
        yield Finding(PlaneName.OPENNEBULA, subject, Verdict.OK, f"IPAM_MAD lists {', '.join(drivers)}")
        return
    text = f"IPAM_MAD lists {', '.join(drivers) or 'no driver'}, not {NAME}"
    section = " ".join(configuration_lines(drivers).split())
    advice = f"write this into /etc/one/oned.conf and restart OpenNebula: {section}"
    yield Finding(PlaneName.OPENNEBULA, subject, Verdict.FAILURE, text, advice)


def _aws(spec: Spec, environ: Mapping[str, str]) -> Iterator[Finding]:
    from edgewrap.aws.clients import Clients
    from edgewrap.aws.elastic_ips import ElasticIps

    addresses = ElasticIps(spec, Clients(spec, environ))
    subject = "AWS credentials and rights"
    try:
        free = addresses.free_pairs()
        addresses.check_rights()
    except AwsError as error:
        yield Finding(PlaneName.AWS, subject, Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
    except EdgewrapError as error:
        yield Finding(PlaneName.AWS, "cluster", Verdict.FAILURE, f"{error.what} ({error.cause})", error.advice)
    else:
        yield Finding(PlaneName.AWS, subject, Verdict.OK, f"the driver may allocate; {counted(free, 'pair')} free")
