"""The messages of the stream as TypeScript: ``python -m tests.typescript`` writes them into ``vain.d.ts``.

What stands above the mark is written by hand, what stands below is made of ``vain.messages``; ``test_javascript.py``
holds that it is.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import inspect

from vain.messages import Filter, NotificationMessage, PerformanceUpdate, TaskUpdate, VisualizationUpdate
from vain.types import Task

DECLARATIONS = Path(__file__).resolve().parent.parent / "vain/views/assets/vain.d.ts"
MARK = "// From here on made of vain/messages.py by `python -m tests.typescript`.\n"
ROOTS = (Task, TaskUpdate, NotificationMessage, PerformanceUpdate, VisualizationUpdate, Filter)
SELDOM_SENT = {"matches"}
PLAIN: dict[type, str] = {
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "string",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
    inspect.AnyType: "unknown",
    inspect.RawType: "unknown",
}


def declarations() -> str:
    """An interface for each type of ``ROOTS`` and for whatever they are made of, by name."""
    known: dict[type, str] = {}
    for root in ROOTS:
        _declare(inspect.type_info(root), known)
    return "\n".join(known[struct] for struct in sorted(known, key=lambda struct: struct.__name__))


def _declare(info: inspect.Type, known: dict[type, str]) -> str:
    """The name of a type in TypeScript; a struct is added to what is known."""
    if isinstance(info, inspect.Metadata):
        return _declare(info.type, known)
    if isinstance(info, inspect.StructType):
        if info.cls not in known:
            known[info.cls] = ""
            known[info.cls] = _interface(info, known)
        return info.cls.__name__
    if isinstance(info, inspect.LiteralType):
        return " | ".join(f'"{value}"' for value in info.values)
    if isinstance(info, inspect.UnionType):
        names = [_declare(each, known) for each in info.types]
        return " | ".join(dict.fromkeys(names))
    if isinstance(info, inspect.ListType):
        return f"Array<{_declare(info.item_type, known)}>"
    if isinstance(info, inspect.DictType):
        return f"Record<string, {_declare(info.value_type, known)}>"
    return PLAIN[type(info)]


def _interface(info: inspect.StructType, known: dict[type, str]) -> str:
    lines = [f"export interface {info.cls.__name__} {{"]
    if info.cls.__doc__:
        lines.insert(0, f"/** {info.cls.__doc__.splitlines()[0].replace('``', '`')} */")
    if info.tag is not None:
        lines.append(f'  {info.tag_field}: "{info.tag}";')
    omits = info.cls.__struct_config__.omit_defaults
    for field in info.fields:
        is_unset = field.default is msgspec.UNSET
        optional = is_unset or field.encode_name in SELDOM_SENT or (omits and not field.required)
        lines.append(f"  {field.encode_name}{'?' if optional else ''}: {_declare(field.type, known)};")
    return "\n".join([*lines, "}", ""])


def whole() -> str:
    """The file as it should be."""
    by_hand = DECLARATIONS.read_text("utf-8").partition(MARK)[0]
    return by_hand + MARK + "\n" + declarations()


if __name__ == "__main__":
    DECLARATIONS.write_text(whole(), "utf-8")
