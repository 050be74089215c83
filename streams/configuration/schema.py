"""The JSON Schema of documents, for editors: what stands where, and what it means.

It is draft 7, which every editor knows. It takes what the loader takes, in the spelling that is printed; what only
shows between the parts of a document, or beyond it, the loader alone can tell.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from streams.configuration.canonical import DRAFTS

_REF = "#/definitions/{model}"

Json = dict[str, Any]


def schema() -> Json:
    """Return the schema of a file of documents; several may also stand in one list."""
    _, parts = models_json_schema([(draft, "validation") for draft in DRAFTS.values()], ref_template=_REF)
    definitions = {name: _tidy(part) for name, part in parts["$defs"].items()}
    document = {"$ref": _REF.format(model="Document")}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Documents of Streams",
        "description": "Destinations and accounts of Streams, an HTTP destination for Kafka, and what governs them.",
        "if": {"type": "array"},
        "then": {"items": document},
        "else": document,
        "definitions": {"Document": _document(), **definitions},
    }


def _document() -> Json:
    """Return the schema of one document: its kind decides, so that an editor tells what is wrong with that kind."""
    branches = [
        {
            "if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
            "then": {"$ref": _REF.format(model=model.__name__)},
        }
        for kind, model in DRAFTS.items()
    ]
    kind = {"enum": list(DRAFTS), "description": "What the document describes."}
    return {"type": "object", "required": ["kind"], "properties": {"kind": kind}, "allOf": branches}


def _tidy(part: Any) -> Any:
    """Return a part of a schema without made-up titles; a section, all of whose lines may be comments, may be null."""
    if isinstance(part, list):
        return [_tidy(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part and "default" in part:
        return {"anyOf": [{"$ref": part["$ref"]}, {"type": "null"}]}
    is_title = isinstance(part.get("title"), str)
    return {
        key: _tidy(value)
        for key, value in part.items()
        if not (is_title and key == "title") and (key, value) != ("default", None)
    }
