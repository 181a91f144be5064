"""The OpenAPI 3.1 description, made from the table of operations and the models they name."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sync.api.answers import Operation
from sync.api.models import DOOR_ID, ID, Error

PREFIX = "/api/v1"
_ALWAYS = {
    400: "The request is not as it should be; `problems` says what to do",
    408: "The request came too slowly",
    413: "The body is too large",
    429: "Too many requests; `Retry-After` says when to come again",
    503: "At present this cannot be done; come again later",
}
_WITH_TOKEN = {401: "The token is missing or wrong", 403: "The token lacks the scope"}
_ERRORS = {
    404: "There is no such thing, or nothing could be called so",
    409: "What is there stands against it",
}
_TAGS = {"users": "Users", "doors": "Doors", "groups": "Doors", "events": "Record"}
_ABOUT = """\
Doorward as a lock system: register users with cards, PINs, groups and validity; see and open
doors; read what happened. What is accepted is on the disk, and in force at the doors within
moments, with or without a network. A token is sent as `X-Api-Token`, or as
`Authorization: Bearer`."""

Words = dict[str, Any]


def described(operations: Iterable[Operation]) -> Words:
    """The whole description."""
    table = list(operations)
    paths: dict[str, Words] = {}
    for each in table:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Doorward", "version": version("doorward"), "description": _ABOUT},
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {
            "schemas": _schemas(table),
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Api-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _operation(each: Operation) -> Words:
    words: Words = {
        "operationId": _name(each),
        "summary": each.summary,
        "tags": [_TAGS.get(each.path.split("/")[1], "Record")],
        "responses": _responses(each),
    }
    if parameters := [*_in_path(each), *_in_query(each)]:
        words["parameters"] = parameters
    if each.body:
        words["requestBody"] = {"required": True, "content": _json(each.body)}
    if each.scope:
        words["description"] = f"Needs the scope `{each.scope}`."
        words["security"] = [{"token": []}, {"bearer": []}]
        words["x-scope"] = each.scope
    return words


def _responses(each: Operation) -> Words:
    errors = {**_ALWAYS, **(_WITH_TOKEN if each.scope else {})}
    found: dict[int, Words] = {
        status: {"description": why, "content": _json(Error)} for status, why in errors.items()
    }
    for status, model in each.gives.items():
        if status in _ERRORS:
            found[status] = {"description": _ERRORS[status], "content": _json(Error)}
            continue
        found[status] = {"description": HTTPStatus(status).phrase}
        if status not in (204, 304):
            found[status]["content"] = _json(model)
    if 304 in each.gives:
        tag = {"ETag": {"schema": {"type": "string"}, "description": "of this answer"}}
        found[200]["headers"] = tag
    found[429]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
    return {str(status): found[status] for status in sorted(found)}


def _in_path(each: Operation) -> list[Words]:
    pattern = DOOR_ID if each.path.startswith("/doors") else ID
    return [
        {"name": name, "in": "path", "required": True, "schema": _text(pattern)}
        for name in re.findall(r"{(\w+)}", each.path)
    ]


def _in_query(each: Operation) -> list[Words]:
    properties = each.query.model_json_schema().get("properties", {}) if each.query else {}
    found = [
        {
            "name": name,
            "in": "query",
            "description": schema.get("description", ""),
            "schema": _without_null(schema),
        }
        for name, schema in properties.items()
    ]
    if 304 in each.gives:
        about = "the ETag of an answer that you have"
        found.append(
            {"name": "If-None-Match", "in": "header", "description": about, "schema": _text("")}
        )
    return found


def _without_null(schema: Words) -> Words:
    """A query has no null: what may be null may be left out."""
    own = {k: v for k, v in schema.items() if k not in ("anyOf", "title", "description")}
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if own.get("default", 0) is None:
        del own["default"]
    return {**own, **(choices[0] if choices else {})}


def _schemas(table: Iterable[Operation]) -> Words:
    models: list[tuple[type[BaseModel], Any]] = [(Error, "serialization")]
    for each in table:
        models += [(each.body, "validation")] if each.body else []
        models += [(model, "serialization") for model in each.gives.values() if model]
    unique = list(dict.fromkeys(models))
    _, schemas = models_json_schema(unique, ref_template="#/components/schemas/{model}")
    found: Words = schemas["$defs"]
    return found


def _json(model: type[BaseModel] | None) -> Words:
    name = {"$ref": f"#/components/schemas/{model.__name__}"} if model else {"type": "object"}
    return {"application/json": {"schema": name}}


def _text(pattern: str) -> Words:
    return {"type": "string", **({"pattern": pattern} if pattern else {})}


def _name(each: Operation) -> str:
    parts = re.findall(r"[a-z]+", each.path.replace("{id}", "one"))
    return "_".join([each.method.lower(), *parts])
