"""Reports that GitLab and other CI systems read: pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree

from edgewrap.change import Action, Change
from edgewrap.finding import Finding, Verdict
from edgewrap.safe_text import safe

_TERRAFORM = {
    Action.CREATE: ("create",),
    Action.UPDATE: ("update",),
    Action.REPLACE: ("create", "delete"),  # as GitLab counts Terraform's own plans
    Action.DELETE: ("delete",),
    Action.ADOPT: (),
}


def terraform_report(changes: Sequence[Change]) -> str:
    """What GitLab shows in a merge request: how many objects of all planes a plan creates, updates and deletes."""
    counts = Counter(word for change in changes for word in _TERRAFORM[change.action])
    return json.dumps({word: counts[word] for word in ("create", "update", "delete")}) + "\n"


def junit_report(cluster: str, findings: Sequence[Finding]) -> str:
    """The findings of a preflight as JUnit XML: a test case for each check. A failure fails, a check that was not
    possible is skipped, a warning has its text as output."""
    suite = ElementTree.Element(
        "testsuite", name=f"edgewrap preflight: {cluster}", tests=str(len(findings)), errors="0"
    )
    counts = Counter(finding.verdict for finding in findings)
    suite.set("failures", str(counts[Verdict.FAILURE]))
    suite.set("skipped", str(counts[Verdict.UNKNOWN]))
    seen: Counter[tuple[str, str]] = Counter()
    for finding in safe(tuple(findings)):
        plane = finding.plane.value if finding.plane else "this machine"
        seen[plane, finding.check] += 1
        again = seen[plane, finding.check]  # GitLab ignores a second test case of the same name
        name = finding.check if again == 1 else f"{finding.check} ({again})"
        case = ElementTree.SubElement(suite, "testcase", classname=plane, name=name)
        text = f"{finding.text}\n{finding.advice}" if finding.advice else finding.text
        match finding.verdict:
            case Verdict.FAILURE:
                ElementTree.SubElement(case, "failure", message=finding.text).text = text
            case Verdict.UNKNOWN:
                ElementTree.SubElement(case, "skipped", message=finding.text).text = text
            case Verdict.WARNING | Verdict.OK:
                ElementTree.SubElement(case, "system-out").text = f"{finding.verdict.value}: {text}"
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
