"""The reference of the REST interface as a page: ``openapi.json`` for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from vain.web.guides import REFERENCE, Guide, Heading
from vain.web.http import JSON

Schema = Mapping[str, Any]

_CODE = re.compile(r"`([^`]+)`")
_BOUNDS = (
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} items"),
    ("maxProperties", "at most {} entries"),
    ("minimum", "≥ {:,}"),
    ("exclusiveMinimum", "> {:,}"),
    ("maximum", "≤ {:,}"),
    ("default", "not given: {}"),
)
_LARGEST = 2**53 - 1
_OPENING = "Every route with its parameters, bodies and answers, made of the same document that programs read"
_INTRODUCTION = (
    f"<p>{_OPENING}: <a href='../openapi.json'><code>openapi.json</code></a>. What happens comes over the "
    "<a href='stream'>stream</a>, described in <a href='../asyncapi.json'><code>asyncapi.json</code></a>. "
    "<a href='rest'>REST</a> says in words how things are meant.</p>"
)


def reference(document: Schema) -> Guide:
    """The page of an OpenAPI document."""
    parts = [_INTRODUCTION]
    headings = []
    for tag in document["tags"]:
        operations = [each for each in _operations(document) if tag["name"] in each[2]["tags"]]
        if operations:
            name = tag["name"]
            headings.append(Heading(name, name.capitalize()))
            parts.append(f'<h2 id="{name}">{escape(name.capitalize())}</h2><p>{_text(tag["description"])}</p>')
            parts += [_operation(*each) for each in operations]
    headings += [Heading("errors", "Errors"), Heading("types", "Types")]
    parts += ['<h2 id="errors">Errors</h2>', _errors(document), '<h2 id="types">Types</h2>']
    parts += [_type(name, each) for name, each in sorted(document["components"]["schemas"].items())]
    return Guide(REFERENCE, "REST reference", f"{_OPENING}.", "".join(parts), tuple(headings))


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema, Schema]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation, item


def _operation(method: str, path: str, said: Schema, item: Schema) -> str:
    role = said.get("x-role")
    needs = f"needs the role <code>{role}</code>" if role else "needs no key"
    more = f"<p>{_text(said['description'])}</p>" if "description" in said else ""
    parameters = [*item.get("parameters", []), *said.get("parameters", [])]
    return (
        f'<section class="operation" id="{said["operationId"]}"><h3><span class="method">{method}</span> '
        f"<code>{escape(path)}</code></h3><p>{_text(said['summary'])} <span class='role'>{needs}</span></p>{more}"
        f"{_parameters(parameters)}{_body(said)}{_answers(said)}</section>"
    )


def _parameters(parameters: list[Schema]) -> str:
    rows = [
        (f"<code>{each['name']}</code>", each["in"], _shape(each["schema"]), _text(each["description"]))
        for each in parameters
    ]
    return _table(("parameter", "in", "value", "what it is"), rows)


def _body(said: Schema) -> str:
    body = said.get("requestBody")
    if body is None:
        return ""
    shown = [f"<code>{media}</code> {_shape(each['schema'])}" for media, each in body["content"].items()]
    return f"<p>Body{'' if body['required'] else ' (may be left out)'}: {', or '.join(shown)}</p>"


def _answers(said: Schema) -> str:
    rows = [(f"<code>{status}</code>", _content(each), _headers(each), _text(each["description"]))
            for status, each in said["responses"].items() if "$ref" not in each]  # fmt: skip
    refused = [status for status, each in said["responses"].items() if "$ref" in each]
    errors = ", ".join(f"<a href='#{status}'>{status}</a>" for status in refused)
    return _table(("answer", "body", "headers", "when"), rows) + f"<p class='errors'>Errors: {errors}</p>"


def _content(answer: Schema) -> str:
    return "<br>".join(
        _shape(each["schema"]) if media == JSON else f"<code>{escape(media)}</code>"
        for media, each in answer.get("content", {}).items()
    )


def _headers(answer: Schema) -> str:
    return ", ".join(f"<code>{name}</code>" for name in answer.get("headers", {}))


def _errors(document: Schema) -> str:
    rows = [(f"<code id='{status}'>{status}</code>", _text(each["description"]))
            for status, each in document["components"]["responses"].items()]  # fmt: skip
    return f"<p>Each is a <a href='#type-Problem'>Problem</a>.</p>{_table(('status', 'when'), rows)}"


def _type(name: str, shape: Schema) -> str:
    needed = shape.get("required", ())
    rows = [
        (f"<code>{escape(field)}</code>{_needed(field in needed)}", _shape(each), _text(each.get("description", "")))
        for field, each in shape.get("properties", {}).items()
    ]
    said = _text(shape.get("description", ""))
    return f"<h3 id='type-{name}'>{name}</h3><p>{said}</p>{_table(('field', 'value', 'what it is'), rows)}"


def _needed(is_needed: bool) -> str:
    return "" if is_needed else " <i>optional</i>"


def _shape(schema: Schema) -> str:
    """A schema in a few words."""
    words = _kind(schema)
    bounds = [text.format(schema[key]) for key, text in _BOUNDS if _counts(schema, key)]
    if "minLength" in schema and "maxLength" in schema:
        bounds[:2] = [f"{schema['minLength']} to {schema['maxLength']} characters"]
    return f"{words} <i>{escape(', '.join(bounds))}</i>" if bounds else words


def _counts(schema: Schema, key: str) -> bool:
    value = schema.get(key)
    if key == "default":
        return isinstance(value, str | int | float) and value != ""
    return isinstance(value, int | float) and abs(value) < _LARGEST


def _kind(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"<a href='#type-{name}'>{name}</a>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if choices := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(map(_shape, choices)))
    if "prefixItems" in schema:
        return f"[{', '.join(map(_shape, schema['prefixItems']))}]"
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_shape(schema['additionalProperties'])}"
    if "format" in schema:
        return escape(str(schema["format"]))
    if "pattern" in schema and "type" not in schema:
        return f"<code>{escape(schema['pattern'])}</code>"
    return escape(str(schema.get("type", "anything")))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    top = "".join(f"<th>{each}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide" tabindex="0"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
