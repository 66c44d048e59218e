"""The results of commands that have no type in `engine`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgewrap.finding import Finding, Verdict


@dataclass(frozen=True, slots=True)
class StarterSpec:
    """A starter spec that was written."""

    version: Literal[1]
    file: str
    """The spec file."""
    schema: str
    """The file of the JSON Schema beside it; empty without `--schema`."""


@dataclass(frozen=True, slots=True)
class ValidSpec:
    """A spec without problems. One with problems is an `error` line."""

    version: Literal[1]
    file: str
    """The spec file."""
    valid: Literal[True]
    """True; false in the `error` line of a spec with problems."""
    problems: tuple[()]
    """None; the `error` line has them."""
    warnings: tuple[Finding, ...]
    """What is valid and should be changed."""


@dataclass(frozen=True, slots=True)
class RenderedFiles:
    """Terraform files that were written."""

    version: Literal[1]
    cluster: str
    directory: str
    """The directory of the files."""
    files: tuple[str, ...]
    """Their paths in the directory."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks of a preflight found. If a check failed, it is an `error` line with these fields instead."""

    version: Literal[1]
    summary: Mapping[Verdict, int]
    """How many findings have each verdict."""
    findings: tuple[Finding, ...]
    """What each check found."""

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Findings:
        """With the counts."""
        return cls(1, count_verdicts(findings), tuple(findings))


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Locks that `force-unlock` has removed."""

    version: Literal[1]
    cluster: str
    locks: tuple[str, ...]
    """The locks, as text."""


@dataclass(frozen=True, slots=True)
class LogFile:
    """The log file of a run."""

    run: int
    """1 is the last run."""
    file: str
    """The log file."""
    lines: tuple[str, ...] | None
    """What it says; null in a list of runs."""


@dataclass(frozen=True, slots=True)
class Logs:
    """Log files, the last run first."""

    version: Literal[1]
    cluster: str
    logs: tuple[LogFile, ...]
    """All with `--list`, otherwise one."""


@dataclass(frozen=True, slots=True)
class InstalledDriver:
    """The IPAM driver on a front-end."""

    version: Literal[1]
    cluster: str
    written: tuple[str, ...]
    """The files that have changed."""


def count_verdicts(findings: Sequence[Finding]) -> Mapping[Verdict, int]:
    """How many findings have each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    return {verdict: counts[verdict] for verdict in Verdict}
