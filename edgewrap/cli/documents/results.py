"""The results of commands that have no type in `engine`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgewrap.finding import Finding, Verdict


@dataclass(frozen=True, slots=True)
class StarterSpec:
    """A starter spec that was written; `schema` is the JSON Schema beside it, empty without `--schema`."""

    version: Literal[1]
    file: str
    schema: str


@dataclass(frozen=True, slots=True)
class ValidSpec:
    """A spec without problems. One with problems is an `error` line: it has the problems, and `valid` is false."""

    version: Literal[1]
    file: str
    valid: Literal[True]
    problems: tuple[()]


@dataclass(frozen=True, slots=True)
class RenderedFiles:
    """Terraform files that were written: their paths in `directory`."""

    version: Literal[1]
    cluster: str
    directory: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks of a preflight found, with a count for each verdict. If a check failed, it is an `error` line
    with these fields instead."""

    version: Literal[1]
    summary: Mapping[Verdict, int]
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Findings:
        """With the counts."""
        return cls(1, count_verdicts(findings), tuple(findings))


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Locks that `force-unlock` has removed, as text."""

    version: Literal[1]
    cluster: str
    locks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogFile:
    """The log file of a run: 1 is the last run. `lines` is what it says, null in a list of runs."""

    run: int
    file: str
    lines: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Logs:
    """Log files, the last run first: all with `--list`, otherwise one."""

    version: Literal[1]
    cluster: str
    logs: tuple[LogFile, ...]


@dataclass(frozen=True, slots=True)
class InstalledDriver:
    """The IPAM driver on a front-end; `written` are the files that have changed."""

    version: Literal[1]
    cluster: str
    written: tuple[str, ...]


def count_verdicts(findings: Sequence[Finding]) -> Mapping[Verdict, int]:
    """How many findings have each verdict."""
    counts = Counter(finding.verdict for finding in findings)
    return {verdict: counts[verdict] for verdict in Verdict}
