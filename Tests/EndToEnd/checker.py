"""The checker: reads what a deployment wrote as any consumer would, and says what is wrong with it.

It shares no code with Tagstream. It knows the contracts: every input record has exactly one outcome, in the order of
its partition; the matches of a row are its `actions`; a dead letter is the record byte for byte with headers behind.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import re

from confluent_kafka import Consumer, KafkaError, TopicPartition

import itertools
import time


@dataclasses.dataclass
class Read:
    """A record as a consumer sees it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp: int

    def header(self, name: str) -> bytes | None:
        """The last header of a name: a record that was dead-lettered twice carries two."""
        found = [value for key, value in self.headers if key == name]
        return found[-1] if found else None


_numbers = itertools.count()


#: Kafka answers that a transaction is committed before every partition knows: for so many seconds a reader waits for that. The small broker
#: is done before it answers.
MARKERS = 2.0 if os.environ.get("TAGSTREAM_TEST_BROKERS") else 0.0


def _await_markers(consumer: Consumer, address: str, places: list[TopicPartition]) -> None:
    """Waits for transactions that are just ending; one that stays open is no reason to wait for long."""
    other = Consumer({"bootstrap.servers": address, "group.id": "e2e-reader", "isolation.level": "read_uncommitted", "log_level": 0})
    deadline = time.monotonic() + MARKERS
    try:
        for place in places:
            while (consumer.get_watermark_offsets(place, timeout=10) != other.get_watermark_offsets(place, timeout=10)
                   and time.monotonic() < deadline):
                time.sleep(0.02)
    finally:
        other.close()


def read_topic(address: str, topic: str, committed_only: bool = True, seconds: float = 60) -> list[Read]:
    """Everything a topic holds, partition by partition, in order; with committed_only what a read_committed consumer sees."""
    consumer = Consumer({
        "bootstrap.servers": address,
        "group.id": f"e2e-reader-{topic}-{next(_numbers)}",
        "isolation.level": "read_committed" if committed_only else "read_uncommitted",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 50,
        "log_level": 0,
    })
    found: dict[int, list[Read]] = {}
    try:
        partitions = list(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        places = [TopicPartition(topic, number, 0) for number in partitions]
        if committed_only and MARKERS:
            _await_markers(consumer, address, places)
        consumer.assign(places)
        open_partitions = set(partitions)
        deadline = time.monotonic() + seconds
        while open_partitions:
            assert time.monotonic() < deadline, f"{topic} could not be read to its end within {seconds} s"
            for message in consumer.consume(2000, 0.2):
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        open_partitions.discard(message.partition())
                        continue
                    raise AssertionError(f"{topic} cannot be read: {error}")
                found.setdefault(message.partition(), []).append(
                    Read(topic, message.partition(), message.offset(), message.key(), message.value(),
                         message.headers() or [], message.timestamp()[1]))
    finally:
        consumer.close()
    return [record for number in sorted(found) for record in found[number]]


@dataclasses.dataclass
class Outcome:
    """What became of the input: by position, plus the records as read."""

    problems: list[str]
    inputs: list[Read]
    rows: dict[tuple[int, int], dict]
    tagged: list[Read]
    matches: list[Read]
    dead: dict[tuple[int, int], list[Read]]

    def raise_problems(self) -> "Outcome":
        shown = "\n".join(self.problems[:20])
        assert not self.problems, f"{len(self.problems)} problems:\n{shown}"
        return self


SOURCE = re.compile(r"^(.+)/(\d+)/(\d+)$")
DLQ_NAMES = {"dlq_reason", "dlq_detail", "dlq_step", "dlq_timestamp", "dlq_topic", "dlq_partition", "dlq_offset", "dlq_epoch",
             "dlq_version", "dlq_part"}
DLQ_STEPS = {"decode", "tenant", "validate", "encode"}


class Check:
    """One look at a deployment."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.problems: list[str] = []

    def problem(self, text: str) -> None:
        self.problems.append(text)

    def run(self, expected=None) -> Outcome:
        """Checks everything; `expected` are fed records, with `outcome` ("tagged", "ignored" or a dead letter's reason) and `actions`.

        Records without an expectation may end in any way, but in exactly one.
        """
        at = self.deployment
        address = at.cluster.address
        self.inputs = {(read.partition, read.offset): read for read in read_topic(address, at.raw)}
        tagged = read_topic(address, at.tagged)
        matches = read_topic(address, at.matches)
        dead = read_topic(address, at.dead_letters)

        tagged_sources = [(read, self._source_of_row(read)) for read in tagged]
        match_sources = [(read, self._source_of_match(read)) for read in matches]
        dead_sources = [(read, self._source_of_dead_letter(read)) for read in dead]
        self._order("tagged row", tagged_sources, strictly=True)
        self._order("match", match_sources, strictly=False)
        self._order("dead letter", dead_sources, strictly=False)

        rows = self._rows(tagged_sources)
        self._matches(match_sources, rows)
        letters = self._dead_letters(dead_sources)
        self._outcomes(rows, letters, expected)
        return Outcome(self.problems, list(self.inputs.values()), rows, tagged, matches, letters)

    # Where a record came from

    def _place(self, what: str, read: Read, topic: str, partition: int, offset: int) -> tuple[int, int] | None:
        if topic != self.deployment.raw or (partition, offset) not in self.inputs:
            self.problem(f"{what} {read.partition}@{read.offset} comes from {topic}/{partition}/{offset}, which is no input record")
            return None
        return partition, offset

    def _source_of_row(self, read: Read) -> tuple[int, int] | None:
        return self._parsed("tagged row", read, (read.header("tagstream-source") or b"").decode())

    def _source_of_match(self, read: Read) -> tuple[int, int] | None:
        try:
            return self._parsed("match", read, json.loads(read.value)["source"])
        except (ValueError, KeyError, TypeError):
            self.problem(f"match {read.partition}@{read.offset} is not JSON with a source: {read.value!r:.200}")
            return None

    def _parsed(self, what: str, read: Read, text: str) -> tuple[int, int] | None:
        found = SOURCE.match(text)
        if not found:
            self.problem(f"{what} {read.partition}@{read.offset} names no source: {text!r}")
            return None
        return self._place(what, read, found[1], int(found[2]), int(found[3]))

    def _source_of_dead_letter(self, read: Read) -> tuple[int, int] | None:
        try:
            return self._place("dead letter", read, read.header("dlq_topic").decode(), int(read.header("dlq_partition")),
                               int(read.header("dlq_offset")))
        except (AttributeError, TypeError, ValueError):
            self.problem(f"dead letter {read.partition}@{read.offset} names no position: {read.headers}")
            return None

    # Order

    def _order(self, what: str, reads: list[tuple[Read, tuple[int, int] | None]], strictly: bool) -> None:
        """Per input partition: all in one output partition, and in the order of the input."""
        homes: dict[int, int] = {}
        last: dict[int, int] = {}
        for read, source in reads:
            if source is None:
                continue
            partition, offset = source
            home = homes.setdefault(partition, read.partition)
            if home != read.partition:
                self.problem(f"{what}s of input partition {partition} are in output partitions {home} and {read.partition}")
            before = last.get(partition, -1)
            if offset < before or (strictly and offset == before):
                self.problem(f"{what} of {partition}@{offset} stands behind the one of {partition}@{before}")
            last[partition] = offset

    # Rows and matches

    def _rows(self, reads) -> dict[tuple[int, int], dict]:
        rows: dict[tuple[int, int], dict] = {}
        epochs: dict[int, int] = {}
        for read, source in reads:
            if source is None:
                continue
            where = f"tagged row of {source[0]}@{source[1]}"
            if source in rows:
                self.problem(f"{where} is there twice")
            try:
                row = json.loads(read.value)
                json.loads(row["properties"])
                json.loads(row["person_properties"])
            except (ValueError, TypeError, KeyError) as error:
                self.problem(f"{where} is not a row: {error!r}")
                continue
            if rows.setdefault(source, row) is not row:
                continue
            if (read.key or b"").decode() != row["uuid"]:
                self.problem(f"{where} has the key {read.key!r}, expected its uuid {row['uuid']}")
            if read.header("team_id") != str(row["team_id"]).encode():
                self.problem(f"{where}: header team_id is {read.header('team_id')!r}, the row says {row['team_id']}")
            if read.header("event") != row["event"].encode("utf-8", "surrogatepass"):
                self.problem(f"{where}: header event is {read.header('event')!r}, the row says {row['event']!r}")
            if row["actions"] != sorted(set(row["actions"])):
                self.problem(f"{where}: actions are {row['actions']}, expected them ascending and distinct")
            if row["actions_epoch"] < epochs.get(source[0], 0):
                self.problem(f"{where}: epoch {row['actions_epoch']} after {epochs[source[0]]}")
            epochs[source[0]] = row["actions_epoch"]
        return rows

    def _matches(self, reads, rows) -> None:
        by_source: dict[tuple[int, int], list[dict]] = collections.defaultdict(list)
        for read, source in reads:
            if source is None:
                continue
            match = json.loads(read.value)
            by_source[source].append(match)
            if (read.key or b"").decode("utf-8", "replace") != f"{match['team_id']}:{match['distinct_id']}":
                self.problem(f"match of {source[0]}@{source[1]} has the key {read.key!r}")
        for source in by_source.keys() - rows.keys():
            self.problem(f"{len(by_source[source])} matches of {source[0]}@{source[1]}, which has no tagged row")
        for source, row in rows.items():
            found = by_source.get(source, [])
            if [match["action_id"] for match in found] != row["actions"]:
                self.problem(f"{source[0]}@{source[1]}: matches {[match['action_id'] for match in found]}, the row says {row['actions']}")
            for match in found:
                for mine, its in (("team_id", "team_id"), ("event_uuid", "uuid"), ("event", "event"), ("distinct_id", "distinct_id"),
                                  ("person_id", "person_id"), ("timestamp", "timestamp"), ("epoch", "actions_epoch")):
                    if match[mine] != row[its]:
                        self.problem(f"match of {source[0]}@{source[1]}: {mine} is {match[mine]!r}, the row's {its} is {row[its]!r}")
                if match["origin"] != "live":
                    self.problem(f"match of {source[0]}@{source[1]}: origin is {match['origin']!r}")

    # Dead letters

    def _dead_letters(self, reads) -> dict[tuple[int, int], list[Read]]:
        letters: dict[tuple[int, int], list[Read]] = collections.defaultdict(list)
        for read, source in reads:
            if source is not None:
                letters[source].append(read)
        for source, parts in letters.items():
            where = f"dead letter of {source[0]}@{source[1]}"
            original = self.inputs[source]
            numbers = [(part.header("dlq_part") or b"1/1").decode() if self._is_split(part, original) else "1/1" for part in parts]
            if numbers != [f"{number + 1}/{len(parts)}" for number in range(len(parts))]:
                self.problem(f"{where}: parts are {numbers}")
            values = [part.value for part in parts]
            joined = None if values == [None] else b"".join(value or b"" for value in values)
            if joined != original.value:
                self.problem(f"{where}: the value is not the original's: {joined!r:.80} instead of {original.value!r:.80}")
            for part in parts:
                self._dead_letter_headers(where, part, original)
        return letters

    @staticmethod
    def _kept(original: Read) -> list[tuple[str, bytes | None]]:
        """The headers that a dead letter keeps: those with Tagstream's own names could be forged, and are left out."""
        return [(name, value) for name, value in original.headers if not name.startswith(("dlq_", "tagstream-"))]

    @classmethod
    def _is_split(cls, part: Read, original: Read) -> bool:
        return len(part.headers) - len(cls._kept(original)) == len(DLQ_NAMES)

    def _dead_letter_headers(self, where: str, part: Read, original: Read) -> None:
        if part.key != original.key:
            self.problem(f"{where}: the key is {part.key!r}, the original's is {original.key!r}")
        kept = self._kept(original)
        own = part.headers[:len(kept)]
        if own != kept:
            self.problem(f"{where}: headers begin with {own}, expected {kept}")
        added = dict(part.headers[len(kept):])
        if added.keys() - DLQ_NAMES or (DLQ_NAMES - {"dlq_part"}) - added.keys():
            self.problem(f"{where}: the headers behind the original's are {sorted(added)}")
            return
        detail = added["dlq_detail"].decode()
        if not detail or len(added["dlq_detail"]) > 300 or "\n" in detail:
            self.problem(f"{where}: dlq_detail is {detail!r}, expected one short sentence")
        if added["dlq_step"].decode() not in DLQ_STEPS:
            self.problem(f"{where}: dlq_step is {added['dlq_step']!r}")
        if added["dlq_version"] != b"1":
            self.problem(f"{where}: dlq_version is {added['dlq_version']!r}")
        seconds, millis = divmod(original.timestamp, 1000)
        wanted = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + f".{millis:03}"
        if added["dlq_timestamp"].decode() != wanted:
            self.problem(f"{where}: dlq_timestamp is {added['dlq_timestamp']!r}, the record's own is {wanted}")

    # Outcomes

    def _outcomes(self, rows, letters, expected) -> None:
        wanted = {(record.partition, record.offset): record for record in expected or []}
        for place in self.inputs:
            where = f"{place[0]}@{place[1]}"
            record = wanted.get(place)
            found = [name for name, there in (("tagged", place in rows), ("dead letter", place in letters)) if there]
            outcome = getattr(record, "outcome", None)
            if len(found) > 1:
                self.problem(f"{where} has several outcomes: {found}")
            elif not found and outcome != "ignored":
                self.problem(f"{where} is lost: {self.inputs[place].value!r:.120}")
            elif found and outcome == "ignored":
                self.problem(f"{where} should have been ignored, it became a {found[0]}")
            elif outcome == "tagged" and place not in rows:
                self.problem(f"{where} ({record.name}) should be tagged, but: {letters[place][-1].headers} {record.value!r:.120}")
            elif outcome not in (None, "tagged", "ignored"):
                reason = letters[place][-1].header("dlq_reason").decode() if place in letters else "tagged"
                if reason != outcome:
                    self.problem(f"{where} ({record.name}) is {reason}, expected {outcome}: {record.value!r:.160}")
            actions = getattr(record, "actions", None)
            if actions is not None and place in rows and rows[place]["actions"] != actions:
                self.problem(f"{where} ({record.name}): actions {rows[place]['actions']}, expected {actions}")
        for place in wanted.keys() - self.inputs.keys():
            self.problem(f"{place[0]}@{place[1]} was fed but cannot be read")


def check(deployment, expected=None) -> Outcome:
    """Checks a deployment and fails with the problems that were found."""
    return Check(deployment).run(expected).raise_problems()
