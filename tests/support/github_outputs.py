"""The file of outputs that a step in GitHub Actions writes."""

from __future__ import annotations


def parse_outputs(text: str) -> dict[str, str]:
    """The outputs, as GitHub's runner reads them; a later value of the same name counts."""
    outputs: dict[str, str] = {}
    lines = iter(text.split("\n"))
    for line in lines:
        name, separator, end = line.partition("<<")
        if separator:
            outputs[name] = "\n".join(iter(lambda: next(lines), end))
        else:
            assert line == "", line
    return outputs
