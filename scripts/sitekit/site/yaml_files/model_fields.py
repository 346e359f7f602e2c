"""Find in a pydantic model (the description of a YAML file's keys) the names of the allowed keys,
and example values.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Union

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

_PLAIN = re.compile(r"[A-Za-z0-9/._][A-Za-z0-9/._:@-]*")
# YAML converts these words to numbers or other values, not to text.
_NOT_TEXT = re.compile(r"[+-]?[0-9._]+([eE][0-9+-]+)?|0[xo].*|true|false|null|~|", re.IGNORECASE)


def walk(
    model: type[BaseModel], above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Yield the path of every key of `model`, without list positions, such as ('tiers', 'key'), and
    the key's field."""
    for name, field in model.model_fields.items():
        yield (*above, name), field
        if inner := model_in(field.annotation):
            yield from walk(inner, (*above, name))


def field_at(model: type[BaseModel], key: Sequence[str | int]) -> FieldInfo | None:
    """Return the model's field for the path `key`. For an entry of a list, return the field of the
    list."""
    path = tuple(part for part in key if isinstance(part, str))
    return next((field for known, field in walk(model) if known == path), None)


def names_at(model: type[BaseModel], key: Sequence[str | int]) -> list[str]:
    """Return the names of the keys that the mapping at the path `key` can have, in the order of the
    model.
    """
    path = tuple(part for part in key if isinstance(part, str))
    return [known[-1] for known, _ in walk(model) if known[:-1] == path]


def homes_of(model: type[BaseModel], name: str) -> list[str]:
    """Return the sections in which `name` is a key: `port` -> ['hub', 'proxy']."""
    return [
        ".".join(known[:-1]) for known, _ in walk(model) if known[-1] == name and len(known) > 1
    ]


def example(field: FieldInfo) -> str | None:
    """Return an example of a value for `field` as one line of YAML; None if the field has no
    example.

    The value is the field's example or default. For a mapping without an example, the value
    contains all required keys. It also contains each optional key that has an example, and whose
    default is an empty list.
    """
    if field.examples:
        return flow(field.examples[0])
    inner = model_in(field.annotation)
    if inner is None:
        return None if field.is_required() or field.default is None else flow(_as_written(field))
    rows = ", ".join(
        f"{name}: {example(part)}"
        for name, part in inner.model_fields.items()
        if part.is_required() or (part.examples and part.default == ())
    )
    return None if not rows else f"[{{{rows}}}]" if is_list(field) else f"{{{rows}}}"


def _as_written(field: FieldInfo) -> Any:
    """Return a field's default value as a site file contains it: `30m`, not 1800 (seconds)."""
    kind: Any = field.annotation  # Any, because the type is known only at run time
    if field.metadata:
        parts = (kind, *field.metadata)
        kind = Annotated[parts]
    return TypeAdapter(kind).dump_python(field.default, mode="json")


def is_list(field: FieldInfo) -> bool:
    """Return whether the value of a field is a list."""
    arms = (field.annotation, *typing.get_args(field.annotation))
    return any(typing.get_origin(arm) in (tuple, list) for arm in arms)


def flow(value: Any) -> str:
    """Return a value as YAML text on one line."""
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and _PLAIN.fullmatch(value) and not _NOT_TEXT.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=not str(value).isprintable(), default=str)


def model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the pydantic model that a type annotation contains: `tuple[Tier, ...]` -> Tier."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) in (Union, types.UnionType, tuple, list, typing.Annotated):
        return next(
            (found for inner in typing.get_args(annotation) if (found := model_in(inner))), None
        )
    return None
