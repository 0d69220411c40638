"""The ClickHouse files, run by the ClickHouse in this process.

There is no Kafka here: where a file makes a Kafka table, an ordinary one of the same columns takes its place, with the virtual columns
that the Kafka engine adds. Everything else runs as it is written, the materialised views included.
"""

from __future__ import annotations

import json
import re

from chdb import session

from contracts import FOLDER

FILES = ("events.sql", "matches.sql", "warnings.sql")
VIRTUAL = "_topic String, _partition UInt64, _offset UInt64, _error String, _raw_message String"
_KAFKA = re.compile(r"ENGINE = Kafka\s+SETTINGS\s+(?P<settings>.*)$", re.DOTALL)


def without_comments(text: str) -> str:
    return re.sub(r"^\s*--.*$", "", text, flags=re.MULTILINE)


def statements(name: str) -> list[str]:
    """The statements of a file; none of them has a semicolon within a text."""
    text = without_comments((FOLDER / "clickhouse" / name).read_text(encoding="utf-8"))
    return [statement.strip() for statement in text.split(";") if statement.strip()]


def queries() -> dict[str, str]:
    """The queries of queries.sql by their names."""
    text = (FOLDER / "clickhouse" / "queries.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- query: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {name: without_comments(query).strip().rstrip(";") for name, query in zip(parts[::2], parts[1::2])}


def is_kafka(statement: str) -> bool:
    return _KAFKA.search(statement) is not None


def settings(statement: str) -> dict[str, str]:
    """The settings of a Kafka table."""
    found = _KAFKA.search(statement)
    return dict(re.findall(r"(\w+) = '([^']*)'", found["settings"])) if found else {}


def ordinary(statement: str) -> str:
    """A Kafka table's statement as one of an ordinary table, whose rows go to the views and nowhere else."""
    head = statement[: _KAFKA.search(statement).start()].rstrip()
    if not head.endswith(")"):
        raise ValueError("the columns of a Kafka table end with a bracket")
    return head[:-1] + ", " + VIRTUAL + ") ENGINE = Null"


class Warehouse:
    """A database with both files' tables, empty at first."""

    def __init__(self) -> None:
        # One session a process is all that chdb has; a fresh database makes it a fresh warehouse.
        self.session = session.Session()
        self.run("DROP DATABASE IF EXISTS warehouse")
        self.run("CREATE DATABASE warehouse ENGINE = Atomic")
        self.run("USE warehouse")
        # Formats' settings stand at a Kafka table; an ordinary one gets them with every insert. The engine skips unknown fields.
        self.formats: dict[str, dict[str, object]] = {}
        self.make()

    def make(self) -> None:
        """Runs both files."""
        for name in FILES:
            for statement in statements(name):
                if not is_kafka(statement):
                    self.run(statement)
                    continue
                self.run(ordinary(statement))
                table = re.search(r"EXISTS (\w+)", statement)[1]
                formats = {key: value for key, value in settings(statement).items() if not key.startswith("kafka_")}
                self.formats[table] = formats | {"input_format_skip_unknown_fields": 1}

    def run(self, sql: str) -> None:
        self.session.query(sql)

    def ask(self, sql: str, **parameters: object) -> list[dict]:
        """The rows of a query, whose parameters are ClickHouse's own; 64-bit numbers stay numbers."""
        for name, value in parameters.items():
            self.run(f"SET param_{name} = '{value}'")
        self.run("SET output_format_json_quote_64bit_integers = 0")
        return [json.loads(line) for line in str(self.session.query(sql, "JSONEachRow")).splitlines()]

    def load(self, queue: str, lines: list[str], **profile: object) -> None:
        """Puts JSON rows into a queue as the Kafka engine would, as one block; a profile's settings may be added."""
        chosen = ", ".join(f"{key} = '{value}'" for key, value in (self.formats[queue] | profile).items())
        self.run(f"INSERT INTO {queue} SETTINGS {chosen} FORMAT JSONEachRow\n" + "\n".join(lines))

    def close(self) -> None:
        self.session.close()
