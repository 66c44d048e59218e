"""What the fields of a document mean: a docstring below the field, or the meaning of its name in all documents."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

COMMON: Mapping[str, str] = {
    "v": "The version of the lines.",
    "version": "The version of the document.",
    "time": "When the line was printed (ISO 8601).",
    "type": "What the line is.",
    "command": "The command that was run.",
    "cluster": "The cluster's name.",
    "plane": "The plane that it is about.",
    "key": "Its key: `host-0`, `group-1`, `eip-3`.",
    "region": "The AWS region.",
    "zone": "The availability zone.",
    "vpc_id": "The VPC.",
    "instance": "The id of its EC2 instance.",
    "instance_id": "The id of its EC2 instance.",
    "interface_id": "The id of its ENI.",
    "aws_state": "The state of its instance in EC2.",
    "public_address": "Its public address; empty if it has none.",
    "private_address": "Its private address.",
    "group": "The key of its interface group.",
    "block": "Its range of private addresses.",
    "entry_host": "The key of its entry host.",
    "what": "What happened.",
    "cause": "The likely cause.",
    "advice": "What to do.",
    "exit_code": "The exit code of the command.",
    "unread": "The hosts that could not be read.",
}


def described(type_: type, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type, with a description of each property."""
    texts = {**COMMON, **dict(_docstrings(type_))}
    properties = {name: with_description(part, texts.get(name)) for name, part in schema["properties"].items()}
    return schema | {"properties": properties}


def with_description(part: Mapping[str, Any], text: str | None) -> dict[str, Any]:
    """A property with a description, if there is one."""
    return {**part, **({"description": text} if text else {})}


def _docstrings(type_: type) -> Iterator[tuple[str, str]]:
    """The docstring below each field of a class, and of those that it is made of."""
    for base in getattr(type_, "__orig_bases__", type_.__bases__):  # a TypedDict has lost its bases
        if base.__module__.startswith("edgewrap."):
            yield from _docstrings(base)
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(type_))).body
    assert isinstance(tree, ast.ClassDef)  # noqa: S101 - for mypy
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, words
