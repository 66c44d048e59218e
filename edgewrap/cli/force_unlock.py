"""`edgewrap force-unlock`: remove the lock that a stale run left."""

from __future__ import annotations

from typing import Annotated

import typer

from edgewrap.cli.options import AutoApprove, Json, LockTimeout, SpecFile, approved, require_approval_possible


def force_unlock(
    lock_id: Annotated[str, typer.Argument(metavar="ID", help="The lock id, as in the error of the refused run.")],
    file: SpecFile,
    auto_approve: AutoApprove = False,
    json: Json = False,
    lock_timeout: LockTimeout = 0,
) -> int:
    """Remove the lock that a stale run left in S3, and Terraform's own lock. Make sure that the run has ended."""
    from edgewrap.cli.documents.results import Unlocked
    from edgewrap.cli.views import print_document, print_event, print_line
    from edgewrap.engine.lock.force_unlock import break_lock, find_lock
    from edgewrap.engine.lock.info import LockTimeout

    require_approval_possible("force-unlock", auto_approve=auto_approve, json=json)
    timeout = LockTimeout(lock_timeout, print_event)
    stale = find_lock(file, lock_id, timeout)
    if not json:
        print_line(*(f"locked by {lock}" for lock in stale.locks))
    if not auto_approve and not approved("If that run is active, two runs will change the cluster at once. Unlock?"):
        print_line("Nothing was changed.")
        return 1
    break_lock(stale)
    if json:
        print_document(Unlocked(1, stale.spec.name, stale.locks))
    else:
        print_line(f"{stale.spec.name} is unlocked.")
    return 0
