"""The error for a terraform command that failed: the original message, the likely causes and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from edgewrap.aws.remedies import REMEDIES
from edgewrap.errors import Diagnostic, EdgewrapError, PlanOutdatedError, TerraformError
from edgewrap.remedies import Remedy, find_remedy

UNKNOWN = Remedy("", "see terraform's message above", "the log file of the run has all of terraform's output")


def terraform_error(command: str, diagnostics: Sequence[Diagnostic]) -> EdgewrapError:
    """The error for a terraform command that failed with these diagnostics.

    PlanOutdatedError if a saved plan no longer fits its state, else TerraformError.
    """
    if any(diagnostic.summary == "Saved plan is stale" for diagnostic in diagnostics):
        return PlanOutdatedError(
            "the saved plan no longer fits the Terraform state",
            cause="another run changed the cluster after the plan was made",
            advice="plan again",
        )
    remedies = _remedies(diagnostics)
    words = "\n".join(_words(diagnostic) for diagnostic in diagnostics)
    return TerraformError(
        f"terraform {command} failed{': ' if words else ''}{words}",
        cause="; ".join(remedy.cause for remedy in remedies),
        advice="; ".join(remedy.advice for remedy in remedies),
        diagnostics=diagnostics,
    )


def _remedies(diagnostics: Sequence[Diagnostic]) -> Sequence[Remedy]:
    """One for each kind of failure: a plan that is applied in parallel may fail for several reasons at once."""
    found = (find_remedy(REMEDIES, f"{diagnostic.summary}\n{diagnostic.detail}") for diagnostic in diagnostics)
    return list(dict.fromkeys(remedy for remedy in found if remedy is not None)) or [UNKNOWN]


def _words(diagnostic: Diagnostic) -> str:
    where = f"{diagnostic.address}: " if diagnostic.address else ""
    detail = f" ({' '.join(diagnostic.detail.split())})" if diagnostic.detail else ""
    return f"{where}{' '.join(diagnostic.summary.split())}{detail}"
