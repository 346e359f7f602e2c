"""Hold a YAML document against a pydantic model, and say what is wrong in the words of the file,
not of the library."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..base.errors import BadInput, BadInputs, Unfit, Unfits, shown
from .model_fields import example, field_at, flow, homes_of, is_list, names_at
from .yaml_file import Document, Key

Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], document: Document) -> Model:
    """Return the model that `document` describes. Raises BadInputs: every fault with file, line,
    key and remedy."""
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        faults = [(_written(document, fault), fault) for fault in error.errors()]
        told = [
            refusal for key, fault in _causes(model, faults) for refusal in _told(model, key, fault)
        ]
        told.sort(key=lambda refusal: document.line(refusal[0]))
        raise BadInputs(
            [BadInput(what, document.where(key), remedy) for key, what, remedy in told]
        ) from None


def _causes(model: type[BaseModel], faults: list[tuple[Key, Any]]) -> Iterator[tuple[Key, Any]]:
    """The faults without those that follow from another one."""
    inner = {key[:depth] for key, _ in faults for depth in range(len(key))}
    meant = {
        (*key[:-1], _nearest(model, key))
        for key, fault in faults
        if fault["type"] == "extra_forbidden"
    }
    for key, fault in faults:
        # A list whose every item was refused is not short as well; a key that was misspelt is not
        # missing as well.
        short, missing = fault["type"] == "too_short", fault["type"] == "missing"
        if not ((short and key in inner) or (missing and key in meant)):
            yield key, fault


def _told(model: type[BaseModel], key: Key, fault: Any) -> Iterator[tuple[Key, str, str]]:
    """Key to blame, what is wrong, remedy."""
    kind, error = fault["type"], fault.get("ctx", {}).get("error")
    if isinstance(error, (Unfit, Unfits)):
        for one in error.faults if isinstance(error, Unfits) else [error]:
            yield (*key, *one.key), one.what, one.remedy
    elif kind == "value_error":
        # a plain ValueError, written as `what is wrong; what would be right`
        what, _, remedy = str(error).partition("; ")
        yield key, what, remedy or _add(model, key)
    elif kind == "missing":
        yield key, "this key is missing", _add(model, key)
    elif kind == "extra_forbidden":
        yield key, f"there is no key {shown(key[-1])} here", _meant(model, key)
    else:
        yield key, *_reworded(model, key, fault)


def _written(document: Document, fault: Any) -> Key:
    """pydantic's location without the names that it adds for the arms of a union."""
    key: Key = ()
    for place, part in enumerate(fault["loc"], 1):
        if (*key, part) in document.lines or (
            fault["type"] == "missing" and place == len(fault["loc"])
        ):
            key = (*key, part)
    return key


def _add(model: type[BaseModel], key: Key) -> str:
    field = field_at(model, key)
    value = field and example(field)
    return (
        f"add it, such as `{key[-1]}: {value}`"
        if value
        else f"add `{key[-1]}:` with a value of your site"
    )


def _meant(model: type[BaseModel], key: Key) -> str:
    name = str(key[-1])
    if nearest := _nearest(model, key):
        return f"did you mean '{nearest}'?"
    if homes := homes_of(model, name):
        return f"'{name}' is a key of {' and of '.join(homes)}; move it there"
    return f"the keys here are {', '.join(names_at(model, key[:-1]))}"


def _nearest(model: type[BaseModel], key: Sequence[str | int]) -> str | None:
    """The key that was probably meant: one that is spelt alike, or one of which a piece was
    written."""
    name, known = str(key[-1]), names_at(model, key[:-1])
    pieces = [word for word in known if len(name) > 2 and (name in word or word in name)]
    return next(iter([*difflib.get_close_matches(name, known, 1, 0.6), *pieces]), None)


# pydantic's kinds of refusal that need no thought: what is wrong, what would be right.
_PLAIN = {
    "int_type": ("{given} is not a whole number", "{such}"),
    "int_parsing": ("{given} is not a whole number", "{such}"),
    "int_from_float": ("{given} is not a whole number", "{such}"),
    "bool_type": ("{given} is neither true nor false", "write true or false"),
    "bool_parsing": ("{given} is neither true nor false", "write true or false"),
    "greater_than": ("{given} is too small", "use more than {gt}"),
    "greater_than_equal": ("{given} is too small", "use at least {ge}"),
    "less_than": ("{given} is too large", "use less than {lt}"),
    "less_than_equal": ("{given} is too large", "use at most {le}"),
    "too_short": ("the list is empty", "{such}"),
    "string_too_short": ("the text is empty", "{such}"),
    "string_too_long": ("the text is longer than {max_length} characters", "shorten it"),
}


def _reworded(model: type[BaseModel], key: Key, fault: Any) -> tuple[str, str]:
    """What is wrong and what would be right, where pydantic itself refused the value."""
    kind, given, limits = fault["type"], fault["input"], fault.get("ctx", {})
    such = _such(model, key)
    if given is None:
        return "this key has no value", such
    if kind in _PLAIN:
        what, remedy = _PLAIN[kind]
        return what.format(given=shown(given), **limits), remedy.format(such=such, **limits)
    if kind == "literal_error":
        what, remedy = (
            "is not one of the choices",
            _choices(str(given), limits["expected"], names_at(model, key)),
        )
    elif kind in ("tuple_type", "list_type"):
        what, remedy = (
            "stands where a list belongs",
            f"write it as a list: `{_name(key)}: {flow([given])}`",
        )
        remedy = "begin each entry with '- '" if isinstance(given, dict) else remedy
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        what, remedy = "stands where keys belong", _keys(model, key)
    elif kind in ("string_type", "path_type"):
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        what, remedy = "is not text", f'put it in quotes: "{given}"' if number else such
    else:
        what, remedy = f"does not fit: {fault['msg'][0].lower()}{fault['msg'][1:]}", such
    return f"{shown(given)} {what}", remedy


def _such(model: type[BaseModel], key: Key) -> str:
    field = field_at(model, key)
    value = field and example(field)
    return (
        f"write it like `{_name(key)}: {value}`"
        if value
        else f"give '{_name(key)}' a value of your site"
    )


def _keys(model: type[BaseModel], key: Key) -> str:
    field = field_at(model, key)
    needs = "each entry needs" if field and is_list(field) else f"write below '{_name(key)}'"
    return f"{needs}: {', '.join(names_at(model, key)) or 'keys, values'}"


def _name(key: Key) -> str:
    return next((part for part in reversed(key) if isinstance(part, str)), "")


def _choices(given: str, expected: str, below: list[str]) -> str:
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    if close := difflib.get_close_matches(given, words, 1, 0.6):
        return f"did you mean '{close[0]}'?"
    return f"write {' or '.join(words)}" + (
        f", or write below it: {', '.join(below)}" if below else ""
    )
