"""The schema files in docs/, and a reader of the few words of JSON Schema that they use."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
SCHEMAS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*.json"))
}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "object": (dict,), "array": (list,), "null": (type(None),),
}  # fmt: skip
_TOLD = {"$schema", "title", "description"}


def name_of(value: dict[str, Any]) -> str:
    """The schema of an object, by its event; of two for one event, the one whose keys are there."""
    found = []
    for name, schema in SCHEMAS.items():
        said = schema["properties"]["event"]
        if value["event"] in said.get("enum", [said.get("const")]):
            found.append((len(set(schema["required"]) - value.keys()), name))
    assert found, f"no schema is for {value['event']}"
    return min(found)[1]


def faults(value: Any, schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """What in a value is not as its schema says; a key that it does not name, too.

    The files allow further keys, because new ones may come; here each has to be written down.
    """
    for word, said in schema.items():
        if word not in _TOLD:
            yield from _WORDS[word](value, said, schema, place)


def _type(value: Any, said: Any, _: dict[str, Any], place: str) -> Iterator[str]:
    words = said if isinstance(said, list) else [said]
    allowed = {kind for word in words for kind in _TYPES[word]}
    if type(value) not in allowed:
        yield f"{place} is {value!r}, not {' or '.join(words)}"


def _const(value: Any, said: Any, _: dict[str, Any], place: str) -> Iterator[str]:
    if value != said:
        yield f"{place} is {value!r}, not {said!r}"


def _enum(value: Any, said: Any, _: dict[str, Any], place: str) -> Iterator[str]:
    if value not in said:
        yield f"{place} is {value!r}, none of {said}"


def _pattern(value: Any, said: Any, _: dict[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, str) and not re.search(said, value):
        yield f"{place} is {value!r}, which is not {said}"


def _required(value: Any, said: Any, _: dict[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{place}.{name} is missing" for name in said if name not in value)


def _properties(value: Any, said: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for name, one in value.items():
        if name in said:
            yield from faults(one, said[name], f"{place}.{name}")
        elif "additionalProperties" not in schema:
            yield f"{place}.{name} is not in the schema"


def _further(value: Any, said: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name in value.keys() - schema.get("properties", {}).keys():
            yield from faults(value[name], said, f"{place}.{name}")


def _items(value: Any, said: Any, _: dict[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from faults(one, said, f"{place}[{number}]")


_WORDS = {
    "type": _type, "const": _const, "enum": _enum, "pattern": _pattern, "required": _required,
    "properties": _properties, "additionalProperties": _further, "items": _items,
}  # fmt: skip
