"""Replay recorded calls against a front-end and report every difference.

`python -m edgewrap.lab.opennebula.replay RECORDING --url URL --auth-file FILE` works with any fresh front-end, the
lab's or a real one with dummy drivers. The table `VARIES` has all permitted differences, with the reasons.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
import xmlrpc.client
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewrap.lab.opennebula.calls import Code

Answer = list[Any]  # as on the wire: [True, value, 0], [False, text, code, object id, -1], or a fault
_POLL = 0.05  # seconds


@dataclass(frozen=True, slots=True)
class Step:
    """One recorded call. `session` is empty if the first user made it."""

    number: int
    purpose: str
    method: str
    params: tuple[Any, ...]
    session: str
    answer: Answer

    @property
    def reads(self) -> bool:
        """Whether the call changes nothing, so that it can be repeated."""
        return self.method.endswith(".info")


@dataclass(frozen=True, slots=True)
class Variation:
    """What may differ at the paths that `path` matches: `mask` removes the varying part from the text."""

    path: re.Pattern[str]
    mask: Callable[[str], str]
    reason: str


def _time(text: str) -> str:
    return "time" if text.isdecimal() and text != "0" else text


def _figure(text: str) -> str:
    return "figure" if text.isdecimal() else text


def _uuid(text: str) -> str:
    return "uuid" if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) else text


def _date(text: str) -> str:
    return re.sub(r"^\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4} : ", "date : ", text)


def _line(text: str) -> str:
    return re.sub(r" at line \d+, columns ", " at line N, columns ", text)


VARIES = (
    Variation(
        re.compile(r".*/(REGTIME|MODTIME|STIME|ETIME|PSTIME|PETIME|RSTIME|RETIME|ESTIME|EETIME|TIMESTAMP)"),
        _time,
        "a time; whether it is set at all (not 0) does not vary",
    ),
    Variation(re.compile(r".*/DATASTORE/(TOTAL|FREE|USED)_MB|DATASTORE/(TOTAL|FREE|USED)_MB"), _figure, "a capacity"),
    Variation(re.compile(r"HOST/MONITORING/(CAPACITY|SYSTEM)/\w+"), _figure, "a monitoring figure"),
    Variation(re.compile(r"HOST/MONITORING/NUMA_NODE/MEMORY/\w+"), _figure, "a monitoring figure"),
    Variation(re.compile(r"VM/TEMPLATE/OS/UUID"), _uuid, "made at random when the VM is deployed"),
    Variation(re.compile(r".*/HISTORY/REQUEST_ID"), _figure, "a counter of all calls; -1 does not vary"),
    Variation(re.compile(r".*/TEMPLATE/ERROR"), _date, "begins with the time of the error"),
    Variation(re.compile(r"refusal"), _line, "the real parser's line number is memory that was never set (1163019592)"),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in an answer where the recorded and the actual one differ."""

    path: str
    recorded: str
    given: str

    def __str__(self) -> str:
        return f"{self.path}: recorded {self.recorded!r}, given {self.given!r}"


def load(path: Path) -> list[Step]:
    """The steps of a recording, in order."""
    steps = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        raw = json.loads(line)
        fault = raw.get("fault")
        answer = ["fault", fault["code"], fault["string"]] if fault else raw["reply"]
        params = tuple(raw["params"])
        steps.append(Step(number, raw["step"], raw["method"], params, raw.get("session", ""), answer))
    return steps


def compare(recorded: Answer, given: Answer) -> list[Difference]:
    """Every difference between two answers that is not permitted."""
    if len(recorded) != len(given) or [type(part) for part in recorded] != [type(part) for part in given]:
        return [Difference("answer", str(recorded), str(given))]
    found: list[Difference] = []
    for index, (was, now) in enumerate(zip(recorded, given, strict=True)):
        if isinstance(was, str) and was.startswith("<") and now.startswith("<"):
            found += _compare_elements(_tree(was), _tree(now), "")
        elif isinstance(was, str) and _masked("refusal", was) != _masked("refusal", now):
            found.append(Difference(f"answer[{index}]", was, now))
        elif not isinstance(was, str) and was != now:
            found.append(Difference(f"answer[{index}]", str(was), str(now)))
    return found


def _tree(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314  the answers of a front-end that the caller chose


def _compare_elements(was: ElementTree.Element, now: ElementTree.Element, above: str) -> Iterator[Difference]:
    path = f"{above}/{was.tag}" if above else was.tag
    children = [child.tag for child in was], [child.tag for child in now]
    if was.tag != now.tag or children[0] != children[1]:
        yield Difference(path, f"{was.tag} {children[0]}", f"{now.tag} {children[1]}")
        return
    if _masked(path, was.text or "") != _masked(path, now.text or "") or was.attrib != now.attrib:
        yield Difference(path, was.text or "", now.text or "")
    for before, after in zip(was, now, strict=True):
        yield from _compare_elements(before, after, path)


def _masked(path: str, text: str) -> str:
    for variation in VARIES:
        if variation.path.fullmatch(path):
            text = variation.mask(text)
    return text


def call(url: str, method: str, params: Sequence[Any]) -> Answer:
    """Make one call."""
    proxy = xmlrpc.client.ServerProxy(url)
    with proxy:
        try:
            answer = getattr(proxy, method)(*params)
        except xmlrpc.client.Fault as fault:
            return ["fault", fault.faultCode, fault.faultString]
    return list(answer) if isinstance(answer, list) else [answer]


def replay(url: str, auth: str, steps: Sequence[Step], timeout_s: float) -> list[tuple[Step, list[Difference]]]:
    """Make every call in order; yields the differences of each step.

    The recordings do not have the calls that polled for a state: what `may_change` is repeated for up to `timeout_s`
    seconds.
    """
    return [(step, _settled(url, auth, step, timeout_s)) for step in steps]


def may_change(step: Step, given: Answer) -> bool:
    """Whether the answer may change in time: that to a call that reads, and to one that is refused because of an
    object's present state."""
    return step.reads or (step.answer[0] is True and given[0] is False and given[2] == Code.ACTION)


def _settled(url: str, auth: str, step: Step, timeout_s: float) -> list[Difference]:
    end = time.monotonic() + timeout_s
    while True:
        given = call(url, step.method, (step.session or auth, *step.params))
        differences = compare(step.answer, given)
        if not differences or not may_change(step, given) or time.monotonic() > end:
            return differences
        time.sleep(_POLL)


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay one recording; the exit status is 1 if there are differences."""
    parser = argparse.ArgumentParser(prog="python -m edgewrap.lab.opennebula.replay", description=main.__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--auth-file", type=Path, required=True, help="holds USER:PASSWORD")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="how long to wait for states")
    options = parser.parse_args(arguments)
    auth = options.auth_file.read_text(encoding="utf-8").strip()
    results = replay(options.url, auth, load(options.recording), options.timeout)
    for step, differences in results:
        for difference in differences:
            print(f"{step.number} {step.method} ({step.purpose}): {difference}")
    same = sum(not differences for _, differences in results)
    print(f"{options.recording.name}: {same} of {len(results)} calls without a difference")
    return int(same != len(results))


if __name__ == "__main__":
    sys.exit(main())
