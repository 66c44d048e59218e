"""What the docs show is right: every command line parses, every YAML is a valid spec or a part of one, JSON is JSON,
links lead somewhere, targets of make exist. No command is run here; tests/e2e runs those of the guides."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from typer import Exit
from typer.exceptions import TyperException
from typer.main import get_command

from edgewrap.cli import reference
from edgewrap.cli.main import NAME, build
from edgewrap.spec.contract import contract
from edgewrap.spec.load import load_spec
from tests.support.checkout import REPOSITORY
from tests.support.docs import Code, code, command_lines, commands, markdown_files

ROOT: Any = get_command(build())
for _, _command in reference.commands(ROOT):
    for _parameter in _command.params:
        _parameter.callback = None  # nothing is run, such as `--install-completion`
CODE = [block for file in markdown_files() for block in code(file)]
OF_OTHERS = ("docs/recipes/",)
"""The YAML of these is another program's; tests/e2e runs its commands."""
INCOMPLETE = ("MissingParameter", "BadOptionUsage")
SHOWS_HELP = "NoArgsIsHelpError"  # `edgewrap` alone
LEAST = {"apiVersion": "edgewrap/v1", "name": "edge-1", "aws": {"region": "eu-west-3"}}


def mistake(words: list[str], *, complete: bool) -> str:
    """What is wrong with a command line; a mention in a text need not be a whole one."""
    command, context, name = ROOT, None, NAME
    try:
        while True:
            context = command.make_context(name, list(words), parent=context)
            if not hasattr(command, "resolve_command"):
                return ""
            if not (words := [*context._protected_args, *context.args]):  # an option of `edgewrap` itself
                return ""
            name, command, words = command.resolve_command(context, words)
    except Exit:  # --help or --version
        return ""
    except TyperException as error:
        kind = type(error).__name__
        return "" if kind == SHOWS_HELP or (not complete and kind in INCOMPLETE) else error.format_message()


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in reference.variables():
        monkeypatch.delenv(name, raising=False)


def blocks() -> list[tuple[Code, list[str]]]:
    return [(block, words) for block in CODE if not block.inline for words in commands(block)]


NO_COMMANDS = {"edgewrap group-N", "plan -destroy"}
"""A comment that edgewrap writes on hosts, and a command of Terraform's."""


def mentions() -> list[tuple[Code, list[str]]]:
    """In texts also commands without `edgewrap` before them, such as `lab up --no-hosts`."""
    found = []
    for span in (block for block in CODE if block.inline and block.text not in NO_COMMANDS):
        first, _, rest = span.text.partition(" ")
        text = f"edgewrap {span.text}" if first in ROOT.commands and rest else span.text
        for words in command_lines(text):  # `PID` is any value, `[-f SPEC]` an option
            found.append((span, ["1" if word.isupper() else word for word in (word.strip("[]") for word in words)]))
    return found


@pytest.mark.parametrize(("where", "words"), blocks(), ids=str)
def test_every_command_in_a_block_parses(where: Code, words: list[str]) -> None:
    assert mistake(words, complete=True) == "", f"{where}: edgewrap {' '.join(words)}"


def test_every_mention_of_a_command_is_one() -> None:
    wrong = {f"{where}: {words}": error for where, words in mentions() if (error := mistake(words, complete=False))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("edgewrap plan --nope", "No such option: --nope"),
        ("edgewrap nope", "No such command 'nope'."),
        ("edgewrap lab exec -- edgewrap plan --nope | tee x", "No such option: --nope"),
        ('ping "$(edgewrap output --nope)"', "No such option: --nope"),
        ("x=$(edgewrap output eips) # edgewrap", ""),
        ("edgewrap lab vm start web", "Missing option '--host'."),
        ("edgewrap plan >a 2>&1; edgewrap apply \\\n  --nope", "No such option: --nope"),
        ("edgewrap lab up --follow-pid=x", "Invalid value for '--follow-pid'"),
    ],
)
def test_a_wrong_command_is_found(text: str, found: str) -> None:
    errors = [error for words in command_lines(text) if words and (error := mistake(words, complete=True))]
    assert [error[: len(found)] for error in errors] == ([found] if found else [])


def specs() -> list[Code]:
    return [block for block in CODE if block.language == "yaml" and not block.file.startswith(OF_OTHERS)]


@pytest.mark.parametrize("block", specs(), ids=str)
def test_every_yaml_is_a_spec_or_a_part_of_one(block: Code) -> None:
    environ = dict.fromkeys(re.findall(r"\$\{env:(\w+)", block.text), "value-1")
    shown = yaml.safe_load(block.text)
    spec = load_spec(REPOSITORY / block.file, environ, block.text if "apiVersion" in shown else _whole(shown))
    assert spec.name


def _whole(part: Any) -> str:
    """A spec with this part. JSON is YAML."""
    return json.dumps(_merged(LEAST, part))


def _merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: _merged(below.get(key), value) for key, value in above.items()}


def test_no_spec_is_hidden_in_a_block_without_a_language() -> None:
    keys = {str(key) for key in contract().keys}
    plain = [block for block in CODE if not block.inline and block.language == ""]
    assert [str(block) for block in plain if block.text.partition(":")[0] in keys] == []


@pytest.mark.parametrize("block", [block for block in CODE if block.language == "json"], ids=str)
def test_every_json_is_json(block: Code) -> None:
    json.loads(block.text)


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {(str(block), name) for block in CODE for name in re.findall(r"(?:^|\n|`)make ([a-z-]+)", f"`{block.text}")}
    assert {(where, name) for where, name in named if name not in targets} == set()


@pytest.mark.parametrize("file", markdown_files(), ids=lambda path: path.name)
def test_every_link_leads_somewhere(file: Any) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", file.read_text(), flags=re.DOTALL)
    for target, _, anchor in (link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", text)):
        if "://" in target:
            continue
        path = file.parent / target if target else file
        assert path.exists(), target
        if anchor and path.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{target}#{anchor}"
