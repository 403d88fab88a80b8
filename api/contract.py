"""The committed OpenAPI description of the interface, and which changes to it would break a client.

`python -m api.contract` renews `docs/reference/openapi.json`, unless that would break clients of the committed one.
Additions do not break: clients must accept new fields in answers, new states, and new addresses.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).parents[1] / "docs" / "reference" / "openapi.json"

Schema = dict[str, Any]


def current() -> Schema:
    """The description of this program's interface."""
    from api.app import create_app
    from api.settings import Settings

    schema: Schema = create_app(Settings(home=Path(tempfile.gettempdir()))).openapi()
    return schema


def committed() -> Schema:
    """The description that is committed."""
    found: Schema = json.loads(FILE.read_text())
    return found


def serialized(document: Schema) -> str:
    """A description in the form of the committed file."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """The differences that would break a client of `old`."""
    return list(_Comparison(old, new).all())


class _Comparison:
    """Two descriptions side by side."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str, bool]] = set()

    def all(self) -> Iterator[str]:
        """Every breaking change."""
        for path, methods in self._old["paths"].items():
            for method, old in methods.items():
                new = self._new["paths"].get(path, {}).get(method)
                name = f"{method.upper()} {path}"
                if new is None:
                    yield f"{name} is gone"
                else:
                    yield from self._operation(name, old, new)

    def _operation(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{name} is called {new['operationId']}, not {old['operationId']}"
        before = {(p["in"], p["name"]): p for p in old.get("parameters", ())}
        after = {(p["in"], p["name"]): p for p in new.get("parameters", ())}
        for key, parameter in before.items():
            if key not in after:
                yield f"{name} does not know the {key[0]} parameter {key[1]} any more"
            else:
                yield from self._schema(f"{name} {key[1]}", parameter["schema"], after[key]["schema"], sent=True)
        for key, parameter in after.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{name} needs the {key[0]} parameter {key[1]}"
        yield from self._bodies(name, old, new)

    def _bodies(self, name: str, old: Schema, new: Schema) -> Iterator[str]:
        pairs = [(f"{name} body", old.get("requestBody", {}), new.get("requestBody", {}), True)]
        for status, answer in old["responses"].items():
            if status.startswith("2"):
                if status not in new["responses"]:
                    yield f"{name} does not answer {status} any more"
                pairs.append((f"{name} {status}", answer, new["responses"].get(status, {}), False))
        for location, before, after, sent in pairs:
            for media_type, content in before.get("content", {}).items():
                if media_type not in after.get("content", {}):
                    yield f"{location} does not have {media_type} any more"
                else:
                    there = after["content"][media_type]
                    yield from self._schema(location, content.get("schema", {}), there.get("schema", {}), sent=sent)

    def _schema(self, location: str, old: Schema, new: Schema, *, sent: bool) -> Iterator[str]:
        """Breaking changes of a schema that clients send, or receive."""
        if "$ref" in old and "$ref" in new:
            if (old["$ref"], new["$ref"], sent) in self._seen:
                return
            self._seen.add((old["$ref"], new["$ref"], sent))
        old, new = self._resolved(self._old, old), self._resolved(self._new, new)
        if old.get("type") != new.get("type"):
            yield f"{location} is {new.get('type')}, not {old.get('type')}"
            return
        gone = set(old.get("enum") or ()) - set(new.get("enum") or old.get("enum") or ())
        if sent and gone:
            yield f"{location} does not take {sorted(gone)} any more"
        before, after = old.get("properties", {}), new.get("properties", {})
        for field, schema in before.items():
            if field not in after:
                yield f"{location} has no {field} any more"
            else:
                yield from self._schema(f"{location}.{field}", schema, after[field], sent=sent)
        needed, was = set(new.get("required", ())), set(old.get("required", ()))
        if sent and needed - was:
            yield f"{location} needs {sorted(needed - was)}"
        if not sent and was - needed - (set(before) - set(after)):
            yield f"{location} may lack {sorted(was - needed)}"
        if "items" in old and "items" in new:
            yield from self._schema(f"{location}[]", old["items"], new["items"], sent=sent)

    def _resolved(self, document: Schema, schema: Schema) -> Schema:
        if "$ref" in schema:
            found: Schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            return found
        return schema


def main() -> int:
    """Writes the description."""
    parser = argparse.ArgumentParser(prog="python -m api.contract", description="Writes docs/reference/openapi.json.")
    parser.add_argument(
        "--break-clients", action="store_true", help="also when that breaks clients of the committed one"
    )
    options = parser.parse_args()
    new = current()
    found = breaking_changes(committed(), new) if FILE.exists() and not options.break_clients else []
    if found:
        sys.stderr.write("This would break clients:\n" + "\n".join(found) + "\n")
        return 1
    FILE.write_text(serialized(new))
    return 0


if __name__ == "__main__":
    sys.exit(main())
