"""Whatever a file holds: a spec, or problems that have a place in it. Nothing else comes out."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewrap.errors import SpecError
from edgewrap.spec.contract import contract
from edgewrap.spec.load import public_document
from edgewrap.spec.models import Spec

from .conftest import ENVIRONMENT, Load

FULL: dict[str, Any] = yaml.safe_load((Path(__file__).with_name("full.yaml")).read_text())
WORDS = sorted({path[-1] for path in contract().paths()})
TOKENS = [
    *"{}[],:-&*!|>?%@`'\"# \n\t",
    "  ",
    "- ",
    ": ",
    "<<: ",
    "&a ",
    "*a",
    "---\n",
    "...\n",
    "!!int ",
    "${env:",
    "\r\n",
    *WORDS,
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 10**6),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["auto", "10.0.0.0/16", "10.0.0.1/8", "${env:SSH_USER}", "${env:NONE}", "443", "1-2", "host-0", "a\nb"]
    ),
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=5), st.integers()), inner, max_size=4)
    ),
    max_leaves=6,
)


DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # where it is there, several times as fast


def written(document: object) -> str:
    """A document as YAML text, its keys in their order."""
    text: str = yaml.dump(document, Dumper=DUMPER, allow_unicode=True, sort_keys=False)
    return text


def outcome(load: Load, content: str | bytes) -> Spec | SpecError:
    """A spec, or an error whose problems make sense."""
    try:
        spec = load(content, whole=True)
    except SpecError as error:
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        check_problems(error, len(raw.decode("utf-8", "replace").splitlines()) + 1)
        return error
    assert "secret-7f3a" not in public_document(spec)
    return spec


def check_problems(found: SpecError, lines: int) -> None:
    """Every problem has a place in the file, in order, and fits on a line."""
    places = [(problem.line, problem.column) for problem in found.problems]
    assert places
    assert places == sorted(places)
    for problem in found.problems:
        assert 1 <= problem.line <= lines
        assert problem.column >= 1
        assert problem.path
        assert problem.rule
        assert len(problem.value) <= 80
        assert str(problem).isprintable()


@settings(max_examples=2 * settings().max_examples)
@given(st.one_of(st.text(), st.binary(), st.lists(st.sampled_from(TOKENS), max_size=30).map("".join)))
def test_any_text(load: Load, content: str | bytes) -> None:
    assert isinstance(outcome(load, content), SpecError)


@settings(max_examples=3 * settings().max_examples)
@given(documents)
def test_any_document(load: Load, document: object) -> None:
    assert isinstance(outcome(load, written(document)), SpecError)


def steps(data: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path of a document but the root."""
    items: list[tuple[Any, object]] = []
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    return [found for key, value in items for found in [(*path, key), *steps(value, (*path, key))]]


Mutation = tuple[tuple[Any, ...], str, object, object]
SHAPES: list[object] = [
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": 1},
    {1: 2},
    {"a": {"b": [3]}},
    {"<<": {"a": 1}},
    {"s3": {"key": 1}},
]
REQUIRED = ("apiVersion", "name", "aws")
SECTIONS = [section for section in FULL if section not in REQUIRED]


def mutated(mutations: list[Mutation], whole: Mapping[str, Any] = FULL) -> dict[str, Any]:
    """The document with some values replaced, taken out, renamed or added to."""
    document = copy.deepcopy(dict(whole))
    for path, kind, key, value in mutations:
        around: Any = document
        try:
            for step in path[:-1]:
                around = around[step]
            old = around[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        if not isinstance(around, dict | list):  # an earlier mutation has put a text there
            continue
        if kind == "replace":
            around[path[-1]] = value
        elif kind == "remove":
            del around[path[-1]]
        elif kind == "rename" and isinstance(around, dict):
            around[key] = around.pop(path[-1])
        elif kind == "add" and isinstance(old, dict):
            old[key] = value
        elif kind == "add" and isinstance(old, list):
            old.append(value)
    return document


def mutations_of(document: Mapping[str, Any]) -> st.SearchStrategy[list[Mutation]]:
    """One to three changes at places of the document."""
    one = st.tuples(
        st.sampled_from(steps(dict(document))),
        st.sampled_from(["replace", "remove", "rename", "add"]),
        st.one_of(st.sampled_from(WORDS), st.text(max_size=5), st.integers()),
        st.one_of(scalars, st.sampled_from(SHAPES)),
    )
    return st.lists(one, min_size=1, max_size=3)


PARTS = {section: {key: FULL[key] for key in (*REQUIRED, section)} for section in SECTIONS}
"""Valid documents of one section beside what every spec has: they are read in a fifth of the time of the whole."""


MUTATIONS = {section: mutations_of(document) for section, document in PARTS.items()}


@settings(max_examples=4 * settings().max_examples)
@given(st.sampled_from(list(PARTS)).flatmap(lambda section: st.tuples(st.just(section), MUTATIONS[section])))
def test_any_change_of_a_valid_document(load: Load, change: tuple[str, list[Mutation]]) -> None:
    section, mutations = change
    outcome(load, written(mutated(mutations, PARTS[section])))


@settings(max_examples=50)
@given(mutations_of(FULL))
def test_any_change_of_the_full_document(load: Load, mutations: list[Mutation]) -> None:
    outcome(load, written(mutated(mutations)))


FREE_KEYS = (("aws", "tags"), ("public_network", "existing"))
KEYS = [path for path in steps(FULL) if not isinstance(path[-1], int) and path[:-1] not in FREE_KEYS]


@pytest.mark.parametrize("path", KEYS, ids=str)
def test_every_misspelt_key_is_found(load: Load, path: tuple[Any, ...]) -> None:
    document = mutated([(path, "rename", f"{path[-1]}x", None)])
    with pytest.raises(SpecError) as error:
        load(written(document), whole=True)
    rules = [problem.rule for problem in error.value.problems if problem.path.endswith(f"{path[-1]}x")]
    assert rules == [f"unknown key; did you mean `{path[-1]}`?"]


def test_the_full_document_is_valid(load: Load, environment: Mapping[str, str]) -> None:
    assert environment == ENVIRONMENT
    assert isinstance(outcome(load, written(FULL)), Spec)
