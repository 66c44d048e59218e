"""Problems of a spec from pydantic's errors, in our own words."""

from __future__ import annotations

from pydantic_core import ErrorDetails

from edgewrap.spec.contract import nearest_key
from edgewrap.spec.place import KeyPath, SpecProblem

BACKEND = ("terraform", "backend")

_RULES = {
    "missing": "is required",
    "string_type": "must be text: write it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of fewer digits",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping of keys to values",
    "model_type": "must be a mapping of keys to values; remove the key to use the defaults",
    "model_attributes_type": "must be a mapping of keys to values; remove the key to use the defaults",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} entries",
    "string_too_long": "must have at most {max_length} characters",
}


def explain(error: ErrorDetails) -> SpecProblem:
    """The problem that an error of pydantic means."""
    path = _path(error["loc"])
    if error["type"] == "extra_forbidden":
        return SpecProblem(path, f"unknown key; {nearest_key(path)}", at_key=True)
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        return SpecProblem(path, str(context["error"]), at_key="[key]" in error["loc"])
    rule = _RULES.get(error["type"], error["msg"]).format_map(context)
    return SpecProblem(path, rule.replace("'", "`") if error["type"] == "literal_error" else rule)


def _path(location: tuple[int | str, ...]) -> KeyPath:
    """pydantic's location without the steps that are its own: the chosen form of `backend`, the mark of a key."""
    form = len(BACKEND)  # the position of the chosen form; elsewhere a user may have written such a key
    steps = [*location[:form], *location[form + 1 :]] if location[:form] == BACKEND else [*location]
    return tuple(steps[:-1] if len(steps) > 1 and steps[-1] == "[key]" else steps)
