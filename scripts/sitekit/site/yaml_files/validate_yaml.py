"""Check whether a YAML file contains the keys and values that a pydantic model describes. Error
messages name the line and the key in the file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ...base.errors import BadInput, BadInputs, Unfit, Unfits, shown
from .model_fields import example, field_at, flow, homes_of, is_list, names_at
from .yaml_file import Document, Key

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], document: Document) -> Model:
    """Return the model that `document` describes. Raises BadInputs.

    Each error names the file, the line, the key and the remedy.
    """
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        faults = [(_written(document, fault), fault) for fault in error.errors()]
        refusals = [
            refusal
            for key, fault in _causes(model, faults)
            for refusal in _explain(model, key, fault)
        ]
        refusals.sort(key=lambda refusal: document.line(refusal[0]))
        raise BadInputs(
            [BadInput(what, document.where(key), remedy) for key, what, remedy in refusals]
        ) from None


def _causes(model: type[BaseModel], faults: list[tuple[Key, Any]]) -> Iterator[tuple[Key, Any]]:
    """Yield the errors that pydantic reports. An error that only follows from another error is
    omitted."""
    inner = {key[:depth] for key, _ in faults for depth in range(len(key))}
    meant = {
        (*key[:-1], _nearest(model, key))
        for key, fault in faults
        if fault["type"] == "extra_forbidden"
    }
    for key, fault in faults:
        # If all items of a list are refused, the list is also reported as too short. If a key is
        # misspelt, the correct key is also reported as missing. Both of these additional reports
        # are omitted.
        short, missing = fault["type"] == "too_short", fault["type"] == "missing"
        if not ((short and key in inner) or (missing and key in meant)):
            yield key, fault


def _explain(model: type[BaseModel], key: Key, fault: Any) -> Iterator[tuple[Key, str, str]]:
    """Yield the key, the fault and the remedy of an error."""
    kind, error = fault["type"], fault.get("ctx", {}).get("error")
    if isinstance(error, (Unfit, Unfits)):
        for one in error.faults if isinstance(error, Unfits) else [error]:
            yield (*key, *one.key), one.what, one.remedy
    elif kind == "value_error":
        # the text of a plain ValueError has the form `fault; remedy`
        what, _, remedy = str(error).partition("; ")
        yield key, what, remedy or _add(model, key)
    elif kind == "missing":
        yield key, "this key is missing", _add(model, key)
    elif kind == "extra_forbidden":
        yield key, f"there is no key {shown(key[-1])} here", _meant(model, key)
    else:
        yield key, *_reworded(model, key, fault)


def _written(document: Document, fault: Any) -> Key:
    """Return the key path of an error as the file contains it. pydantic adds names to the path of a
    key that has several forms; these names are removed.
    """
    key: Key = ()
    for place, part in enumerate(fault["loc"], 1):
        if (*key, part) in document.lines or (
            fault["type"] == "missing" and place == len(fault["loc"])
        ):
            key = (*key, part)
    return key


def _add(model: type[BaseModel], key: Key) -> str:
    """Return the remedy for a missing key: a line that the administrator can add."""
    value = _example(model, key)
    if value is None:
        return f"add `{key[-1]}:` with a value of your site"
    return f"add it, such as `{key[-1]}: {value}`"


def _meant(model: type[BaseModel], key: Key) -> str:
    """Return the remedy for an unknown key: the key that was probably meant, or the keys that
    exist."""
    name = str(key[-1])
    if nearest := _nearest(model, key):
        return f"did you mean '{nearest}'?"
    if homes := homes_of(model, name):
        return f"'{name}' is a key of {' and of '.join(homes)}; move it there"
    return f"the keys here are {', '.join(names_at(model, key[:-1]))}"


def _nearest(model: type[BaseModel], key: Sequence[str | int]) -> str | None:
    """Return the existing key that the author of the file probably meant: a key that is similar to
    the unknown key, or that has a word in common with the unknown key."""
    name, known = str(key[-1]), names_at(model, key[:-1])
    pieces = [word for word in known if len(name) > 2 and (name in word or word in name)]
    return next(iter([*difflib.get_close_matches(name, known, 1, 0.6), *pieces]), None)


# Maps pydantic's types of errors to fault and remedy.
_PLAIN = {
    "int_type": ("{given} is not a whole number", "{an_example}"),
    "int_parsing": ("{given} is not a whole number", "{an_example}"),
    "int_from_float": ("{given} is not a whole number", "{an_example}"),
    "bool_type": ("{given} is neither true nor false", "write true or false"),
    "bool_parsing": ("{given} is neither true nor false", "write true or false"),
    "greater_than": ("{given} is too small", "use more than {gt}"),
    "greater_than_equal": ("{given} is too small", "use at least {ge}"),
    "less_than": ("{given} is too large", "use less than {lt}"),
    "less_than_equal": ("{given} is too large", "use at most {le}"),
    "too_short": ("the list is empty", "{an_example}"),
    "string_too_short": ("the text is empty", "{an_example}"),
    "string_too_long": ("the text is longer than {max_length} characters", "shorten it"),
}


def _reworded(model: type[BaseModel], key: Key, fault: Any) -> tuple[str, str]:
    """Return the fault and the remedy for a value that pydantic has refused."""
    kind, given, limits = fault["type"], fault["input"], fault.get("ctx", {})
    an_example = _example_remedy(model, key)
    if given is None:
        return "this key has no value", an_example
    if kind in _PLAIN:
        what, remedy = _PLAIN[kind]
        return what.format(given=shown(given), **limits), remedy.format(
            an_example=an_example, **limits
        )
    if kind == "literal_error":
        what, remedy = (
            "is not one of the choices",
            _choices(str(given), limits["expected"], names_at(model, key)),
        )
    elif kind in ("tuple_type", "list_type"):
        what, remedy = (
            "is not a list, but this key needs a list",
            f"write it as a list: `{_name(key)}: {flow([given])}`",
        )
        remedy = "begin each entry with '- '" if isinstance(given, dict) else remedy
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        what, remedy = "is not a mapping, but this key needs keys with values", _keys(model, key)
    elif kind in ("string_type", "path_type"):
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        what, remedy = "is not text", f'put it in quotes: "{given}"' if number else an_example
    else:
        what, remedy = f"does not fit: {fault['msg'][0].lower()}{fault['msg'][1:]}", an_example
    return f"{shown(given)} {what}", remedy


def _example_remedy(model: type[BaseModel], key: Key) -> str:
    """Return the remedy for a wrong value: an example of a valid value."""
    value = _example(model, key)
    if value is None:
        return f"give '{_name(key)}' a value of your site"
    return f"write it like `{_name(key)}: {value}`"


def _example(model: type[BaseModel], key: Key) -> str | None:
    """Return an example of a value for a key; None if the model has none."""
    field = field_at(model, key)
    return (example(field) or None) if field else None


def _keys(model: type[BaseModel], key: Key) -> str:
    """Return the remedy for a value that must be a mapping: the keys of the mapping."""
    field = field_at(model, key)
    needs = "each entry needs" if field and is_list(field) else f"write below '{_name(key)}'"
    return f"{needs}: {', '.join(names_at(model, key)) or 'keys, values'}"


def _name(key: Key) -> str:
    """Return the last name in a key path: ('tiers', 1, 'images', 0) -> `images`."""
    return next((part for part in reversed(key) if isinstance(part, str)), "")


def _choices(given: str, expected: str, below: list[str]) -> str:
    """Return the remedy for a value that is not one of the allowed values: a list of these
    values."""
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    if close := difflib.get_close_matches(given, words, 1, 0.6):
        return f"did you mean '{close[0]}'?"
    return f"write {' or '.join(words)}" + (
        f", or write below it: {', '.join(below)}" if below else ""
    )
