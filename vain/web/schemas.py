"""JSON Schemas of the types that validate and encode, with what stands in the code about each type and field."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Mapping
from textwrap import dedent
from typing import Any

import msgspec

Schema = dict[str, Any]

_OF_THE_SERVER = "The server's own: in a body it is read over."


def schemas(types: Iterable[Any], template: str = "#/components/schemas/{name}") -> tuple[list[Schema], Schema]:
    """A schema for each of the types, and by name those that they refer to (``template`` says how)."""
    wanted = list(types)
    found, components = msgspec.json.schema_components(wanted, ref_template=template)
    structs = {each.__name__: each for each in _structs(wanted)}
    for name, component in components.items():
        _describe(component, structs.get(name))
    return list(found), components


def schema(type_: Any) -> Schema:
    """The schema of a type that refers to no other."""
    return msgspec.json.schema(type_)


def markdown(text: str) -> str:
    """A docstring as a reader of JSON reads it: ``None`` is null, and code stands in single backquotes."""
    plain = " ".join(line.strip() for line in text.strip().splitlines())
    return plain.replace("``", "`").replace("`None`", "`null`").replace("None", "null")


def _describe(component: Schema, type_: type | None) -> None:
    if "description" in component:
        component["description"] = markdown(component["description"])
    if type_ is None:
        return
    said = _field_texts(type_)
    names = {field.name: field.encode_name for field in msgspec.structs.fields(type_)}
    for name, encoded in names.items():
        described = component.get("properties", {}).get(encoded)
        if described is None:
            continue
        if described == {}:
            described["description"] = _OF_THE_SERVER
        if name in said:
            described["description"] = markdown(said[name])
    if _is_only_sent(type_):
        component["required"] = list(component.get("properties", {}))
        for each in component.get("properties", {}).values():
            each.pop("default", None)


def _is_only_sent(type_: type) -> bool:
    """Whether it is encoded, with every field that it has, and never asked of a client."""
    config = type_.__struct_config__  # type: ignore[attr-defined]  # of every Struct
    is_optional = any(field.default is msgspec.UNSET for field in msgspec.structs.fields(type_))
    return not (config.forbid_unknown_fields or config.omit_defaults or is_optional)


def _field_texts(type_: type) -> Mapping[str, str]:
    """The string that stands below a field, by the field's name; inherited ones too."""
    texts: dict[str, str] = {}
    for each in reversed(type_.__mro__):
        if each is not msgspec.Struct and issubclass(each, msgspec.Struct):
            texts |= _own_texts(each)
    return texts


def _own_texts(type_: type) -> dict[str, str]:
    try:
        (definition,) = ast.parse(dedent(inspect.getsource(type_))).body
    except OSError:  # made by ``defstruct``
        return {}
    if not isinstance(definition, ast.ClassDef):
        return {}
    texts, field = {}, None
    for statement in definition.body:
        if field is not None and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            texts[field] = str(statement.value.value)
        is_field = isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        field = statement.target.id if is_field else None  # type: ignore[attr-defined]  # is_field says so
    return texts


def _structs(types: Iterable[Any]) -> set[type[msgspec.Struct]]:
    """Every struct that is reached from the types."""
    found: set[type[msgspec.Struct]] = set()
    waiting: list[Any] = [msgspec.inspect.type_info(type_) for type_ in types]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in found:
                continue
            found.add(info.cls)
            waiting += [field.type for field in info.fields]
        elif isinstance(info, msgspec.inspect.Type):
            waiting += [part for name in info.__struct_fields__ for part in _parts(getattr(info, name))]
    return found


def _parts(value: Any) -> list[Any]:
    """The types within a part of a type: a list's items, the members of a union."""
    if isinstance(value, msgspec.inspect.Type):
        return [value]
    return [part for part in value if isinstance(part, msgspec.inspect.Type)] if isinstance(value, tuple) else []
