"""Which function answers which XML-RPC method, and how it refuses.

A call is a plain function `(one, user, …parameters) -> int | str`. Its parameters' annotations are the types that the
front-end requires (int, str, bool); one with a default is optional. Additional parameters are ignored, as by the real
front-end.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, get_type_hints

from edgewrap.lab.opennebula.frontend import FrontEnd
from edgewrap.lab.opennebula.records import User

Answer = int | str
Handler = Callable[..., Answer]


class Code(IntEnum):
    """The front-end's error codes."""

    AUTHENTICATION = 0x0100
    AUTHORIZATION = 0x0200
    NO_EXISTS = 0x0400
    ACTION = 0x0800
    API = 0x1000
    INTERNAL = 0x2000
    ALLOCATE = 0x4000


class Refusal(Exception):  # noqa: N818  it is an answer like any other
    """The call is refused; the caller gets the text after the method's name. `keep`: what the call has changed
    stays."""

    def __init__(self, code: Code, text: str, object_id: int = -1, *, keep: bool = False) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.object_id = object_id
        self.keep = keep


class BadCall(Exception):  # noqa: N818
    """An XML-RPC fault: too few parameters, or one of the wrong type."""

    code = -501


_TYPE_WORDS: dict[type, str] = {int: "integer", str: "string", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a method; `required` is false if it is optional."""

    kind: type
    required: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A method and the function that answers it."""

    handler: Handler
    parameters: tuple[Parameter, ...]

    def answer(self, one: FrontEnd, user: User, given: Sequence[object]) -> Answer:
        """Check the parameters and answer. Raises BadCall or Refusal."""
        arguments: list[object] = []
        for index, parameter in enumerate(self.parameters):
            if index >= len(given):
                if parameter.required:
                    raise BadCall("Not enough parameters")
                break
            if type(given[index]) is not parameter.kind:
                raise BadCall(f"Parameter that is supposed to be {_TYPE_WORDS[parameter.kind]} is not")
            arguments.append(given[index])
        return self.handler(one, user, *arguments)


class Calls(dict[str, Call]):
    """The methods of one object kind, by name."""

    def method(self, *names: str) -> Callable[[Handler], Handler]:
        """Mark a function as the one that answers these methods."""

        def mark(handler: Handler) -> Handler:
            self.add(handler, *names)
            return handler

        return mark

    def add(self, handler: Handler, *names: str) -> None:
        """Let a function answer these methods."""
        hints: dict[str, Any] = get_type_hints(handler)
        parameters = tuple(
            Parameter(hints[parameter.name], parameter.default is inspect.Parameter.empty)
            for parameter in list(inspect.signature(handler).parameters.values())[2:]
        )
        for name in names:
            self[name] = Call(handler, parameters)


@contextmanager
def allocating(one: FrontEnd, word: str) -> Iterator[None]:
    """7.4.0 reports a failed allocation of a cluster or host with a prefix and a code of its own; 7.0.2 does not."""
    try:
        yield
    except Refusal as refusal:
        if not one.release.allocation_code or refusal.code is not Code.INTERNAL:
            raise
        raise Refusal(Code.ALLOCATE, f"Error allocating a new {word}. {refusal.text}") from refusal
