"""The contracts in schemas/, for tests: what they are, and whether records keep them.

Another suite imports this module by its folder:

    sys.path.insert(0, str(repository / "Tests" / "Schemas"))
    from contracts import headers_object, validate_stream

    validate_stream((message.value() for message in matches), "action_match")
    validate_stream((headers_object(message.headers()) for message in dead_letters), "dead_letter_headers")
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Iterator

from jsonschema import Draft202012Validator, ValidationError, validators

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "schemas"
SUFFIX = ".schema.json"
NAMES = sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob("*" + SUFFIX))


class ContractViolation(AssertionError):
    """Records that break their contract; the text tells which and how."""


def schema(name: str) -> dict:
    """The schema of a name such as "tagged_event"."""
    return json.loads((FOLDER / (name + SUFFIX)).read_text(encoding="utf-8"))


def closed(contract: dict) -> dict:
    """The schema without room for further fields.

    Published schemas are open, so that a record may grow without breaking its readers; what we write ourselves is
    held to the fields that are published.
    """
    return contract | {"unevaluatedProperties": False}


def strict_json(text: str | bytes) -> object:
    """A JSON document; NaN and Infinity, which Python would take, are none."""

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def _content(validator, content_schema, instance, contract) -> Iterator[ValidationError]:
    """JSON within JSON: 2020-12 leaves contentSchema to the reader, and here it counts."""
    if not isinstance(instance, str) or contract.get("contentMediaType") != "application/json":
        return
    try:
        document = strict_json(instance)
    except ValueError as error:
        yield ValidationError(f"{instance[:80]!r} is not JSON: {error}")
        return
    yield from validator.descend(document, content_schema, schema_path="contentSchema")


_Validator = validators.extend(Draft202012Validator, {"contentSchema": _content})


def violations(record: object, contract: str | dict) -> list[str]:
    """Everything that is wrong with one record, as "$.field: what"; empty where it keeps the contract."""
    contract = schema(contract) if isinstance(contract, str) else contract
    errors = sorted(_Validator(contract).iter_errors(record), key=lambda error: error.json_path)
    return [f"{error.json_path}: {error.message[:300]}" for error in errors]


def validate_stream(rows: Iterable[object], contract: str | dict, *, at_least: int = 1, is_closed: bool = True) -> int:
    """Holds every record of a stream to a contract; returns how many there were.

    rows: objects, or JSON as text or bytes, as Kafka hands them out.
    contract: the name of a schema, or a schema.
    at_least: fewer records than this are a violation too: an empty stream proves nothing.
    is_closed: whether fields that the schema does not name are a violation, as they are for what Tagstream writes.
    """
    contract = schema(contract) if isinstance(contract, str) else contract
    if is_closed:
        contract = closed(contract)
    count = 0
    broken: list[str] = []
    for row in rows:
        if isinstance(row, (str, bytes)):
            try:
                row = strict_json(row)
            except ValueError as error:
                broken.append(f"record {count}: not JSON: {error}")
                count += 1
                continue
        broken += [f"record {count}: {violation}" for violation in violations(row, contract)]
        count += 1
    title = contract.get("title", "a schema")
    if broken:
        more = "" if len(broken) <= 10 else f"\n… and {len(broken) - 10} more"
        raise ContractViolation(f"{title}: {len(broken)} violations in {count} records\n" + "\n".join(broken[:10]) + more)
    if count < at_least:
        raise ContractViolation(f"{title}: {count} records, expected at least {at_least}")
    return count


def headers_object(headers: Iterable[tuple[str, bytes | None]] | None) -> dict[str, str | None]:
    """A record's headers as one object: of several with one name the last counts; bytes that are not UTF-8 are replaced."""
    return {name: None if value is None else value.decode("utf-8", "replace") for name, value in headers or []}
