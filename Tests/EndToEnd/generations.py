"""A proxy that gives the small broker what Apache Kafka does with offsets of transactions and with their owners, and it does not.

The small broker takes a transaction's offsets from members of any generation, and tells offsets at once while a transaction has sent
others that it may yet commit. Either way two members may commit rows of the same records. Kafka does neither (KIP-447), and it fences a
producer that has been replaced even when that asks for a new epoch (KIP-360):

1. Offsets of another generation than the group's are refused with ILLEGAL_GENERATION, those of a member that the group does not know
   with UNKNOWN_MEMBER_ID, and those of a static member that has been replaced with FENCED_INSTANCE_ID; the client aborts. Here the
   generation is learnt from the answers to JoinGroup, before their clients see them: whoever works in a generation has had such an
   answer, so nobody works in one that the proxy does not know of. A member that was left behind is refused for its generation, where
   Kafka may have removed it and not know it: clients treat both alike. Whoever commits with neither member nor generation passes.
2. Who asks for stable offsets (`require_stable`) of a partition for which an open transaction has sent some is answered
   UNSTABLE_OFFSET_COMMIT, and librdkafka 2.0.2 asks again, after `retry.backoff.ms`, for as long as its assignment is the same
   (`rd_kafka_handle_OffsetFetch`; if it is not, `rd_kafka_assignment_apply_offsets` keeps the partition for a later request). Kafka marks
   those partitions only; here all of the request are, since librdkafka repeats the whole of it for one. Offsets are open from when the
   request to send them passes until the end of the transaction is confirmed, or a new producer has its transactional id.
3. A transaction that does not end blocks others for its `transaction.timeout.ms`, counted from its first offsets here; after that its
   offsets are forgotten when somebody asks for them, and its end is refused with INVALID_PRODUCER_EPOCH, which is fatal to its
   producer, as when Kafka has ended it. Its records the small broker holds until the transactional id has a new producer, as it always
   does: ending them is not the proxy's affair.
4. A producer that has an id and an epoch and asks for the next one (InitProducerId, as librdkafka does before it aborts a transaction with
   messages that timed out) is refused with PRODUCER_FENCED if its transactional id has another producer, or another epoch. The small
   broker gives it a new epoch, and so the zombie would fence its successor. A producer that asks again for what it was given passes.
5. The small broker loses answers to JoinGroup when somebody else asks to join just as a rebalance ends: it takes whoever was not answered
   for one that has joined, and the group stands still until its rebalance timeout. So from the first answer on no request passes until all
   who had asked before are answered; and as a group that is new ends its first rebalance 0.3 s after the first request, none passes
   shortly before. Requests are kept for no longer than `KEPT`.

The check of heartbeats, of static members in the group, and the time that a rebalance waits for members are the small broker's own.

Versions are those that librdkafka 2.0.2 and noida-db 0.2.3 agree on: JoinGroup 5, OffsetFetch 7, InitProducerId 4, EndTxn 1 and
TxnOffsetCommit 3. Any other is a problem, which fails the test, and ends the connection. All formats are those of Kafka's message
specifications of the same names.
"""

from __future__ import annotations

import collections
import dataclasses
import struct
import threading
import time
from typing import Callable

from proxy import END_TRANSACTION, Proxy
from wire import NO_TAGS, Reader, Request, Unreadable, compact_array, compact_string

OFFSET_FETCH = 9
JOIN_GROUP = 11
INIT_PRODUCER_ID = 22
TXN_OFFSET_COMMIT = 28
#: By API: the only version that is known here, and whether it is a flexible one.
VERSIONS = {OFFSET_FETCH: (7, True), JOIN_GROUP: (5, False), INIT_PRODUCER_ID: (4, True), END_TRANSACTION: (1, False),
            TXN_OFFSET_COMMIT: (3, True)}

ILLEGAL_GENERATION = 22
UNKNOWN_MEMBER_ID = 25
INVALID_PRODUCER_EPOCH = 47
FENCED_INSTANCE_ID = 82
UNSTABLE_OFFSET_COMMIT = 88
PRODUCER_FENCED = 90

#: Seconds after which the small broker ends the first rebalance of a group, less what a slow machine needs; and those for which requests
#: to join are kept at most.
NEW = 0.3 - 0.1
KEPT = 1.0

#: A topic and its partitions, as they are asked for; and one partition of one group.
Topics = list[tuple[str, list[int]]]
Place = tuple[str, str, int]
#: Who has a transaction: the transactional id, the producer's id, its epoch.
Owner = tuple[str, int, int]


@dataclasses.dataclass
class Group:
    """What is known of a consumer group."""

    generation: int = -1
    #: Those that have been told of this generation.
    members: set[str] = dataclasses.field(default_factory=set)
    #: By the name of a static member: the id that it has now.
    instances: dict[str, str] = dataclasses.field(default_factory=dict)
    #: Requests to join that are not answered yet, by identity; when the first of them came; whether somebody has been told the outcome that
    #: they wait for.
    asking: set[int] = dataclasses.field(default_factory=set)
    since: float = 0
    is_telling: bool = False

    def asked(self, request: Request, now: float) -> None:
        if not self.asking:
            self.since = now
        self.asking.add(id(request))

    def answered(self, request: Request, has_joined: bool) -> None:
        self.asking.discard(id(request))
        self.is_telling = (self.is_telling or has_joined) and bool(self.asking)

    def is_deaf(self, now: float) -> bool:
        """Whether somebody who asked to join now might have others wait for ever."""
        return self.is_telling or self.generation < 0 and bool(self.asking) and now - self.since > NEW

    def joined(self, generation: int, member: str, instance: str | None) -> None:
        if generation > self.generation:
            self.generation, self.members = generation, set()
        if generation == self.generation:
            self.members.add(member)
        if instance is not None:
            self.instances[instance] = member

    def verdict(self, generation: int, member: str, instance: str | None) -> int:
        """The error with which offsets are refused; 0 if they are taken."""
        if generation < 0 and not member and instance is None:
            return 0
        if instance is not None and self.instances.get(instance, member) != member:
            return FENCED_INSTANCE_ID
        if generation != self.generation:
            return ILLEGAL_GENERATION
        return 0 if member in self.members else UNKNOWN_MEMBER_ID


@dataclasses.dataclass
class Transaction:
    """Offsets that were sent and are neither committed nor aborted yet."""

    began: float
    places: set[Place] = dataclasses.field(default_factory=set)


class Coordination:
    """What Kafka's group coordinator would say, from what has passed. Not for several threads at once."""

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self.now = now
        self.groups: dict[str, Group] = {}
        self.transactions: dict[Owner, Transaction] = {}
        #: By transactional id: seconds that a transaction may take.
        self.patience: dict[str, float] = {}
        #: Whose transactions have taken longer; a new epoch is a new owner.
        self.expired: set[Owner] = set()
        #: By transactional id: its producer's id and epoch, and the epoch that this producer had before, -1 if it had none.
        self.producers: dict[str, tuple[int, int, int]] = {}
        #: Switched off by tests that show what the checks are for.
        self.checks_generations = self.checks_stability = True
        #: How often offsets were refused, by error; stable ones were not told; and a producer was not given a new epoch.
        self.refused = collections.Counter()
        self.unstable = self.fenced = 0

    def judge(self, request: Request) -> bytes | None:
        """What is answered instead of the broker, behind the correlation id; None lets the request pass."""
        if request.api not in VERSIONS:
            return None
        version, flexible = VERSIONS[request.api]
        if request.version != version:
            raise Unreadable(f"API {request.api} has version {request.version}, expected {version}")
        body = request.body(flexible)
        if request.api == TXN_OFFSET_COMMIT:
            return self._offsets_are_sent(body)
        if request.api == OFFSET_FETCH:
            return self._offsets_are_asked_for(body)
        if request.api == END_TRANSACTION:
            return self._is_to_end(body)
        if request.api == INIT_PRODUCER_ID:
            return self._wants_an_epoch(body)
        self.group_of(request).asked(request, self.now())
        return None

    def notice(self, request: Request, answer: bytes) -> None:
        """Learns from what the broker has answered."""
        if request.api not in VERSIONS:
            return
        flexible = VERSIONS[request.api][1]
        asked, told = request.body(flexible), Reader(answer, 4)
        if request.api == JOIN_GROUP:
            self._joined(request, asked, told)
        elif request.api == TXN_OFFSET_COMMIT:
            self._offsets_were_sent(asked, told)
        elif request.api == INIT_PRODUCER_ID:
            self._has_new_producer(asked, told)
        elif request.api == END_TRANSACTION:
            owner = _owner(asked.string(), asked)
            told.int32()
            if told.int16() == 0:
                self.transactions.pop(owner, None)

    # Members

    def group_of(self, request: Request) -> Group:
        """The group that somebody asks to join."""
        return self.groups.setdefault(request.body(flexible=False).string(), Group())

    def _joined(self, request: Request, asked: Reader, told: Reader) -> None:
        # The group, its two timeouts, and the member's id, which it may not have yet.
        asked.string(), asked.int32(), asked.int32(), asked.string()
        instance = asked.string()
        told.int32()
        has_joined = told.int16() == 0
        group = self.group_of(request)
        group.answered(request, has_joined)
        if has_joined:
            generation = told.int32()
            # The protocol and the leader stand before the member's own id.
            told.string(), told.string()
            group.joined(generation, told.string(), instance)

    # Offsets

    def _offsets_are_sent(self, body: Reader) -> bytes | None:
        owner, group, generation, member, instance, topics = _commit(body)
        verdict = self.groups.get(group, Group()).verdict(generation, member, instance) if self.checks_generations else 0
        if owner in self.expired:
            verdict = INVALID_PRODUCER_EPOCH
        if verdict:
            self.refused[verdict] += 1
            return NO_TAGS + struct.pack(">i", 0) + compact_array([_refused(topic, of, verdict) for topic, of in topics]) + NO_TAGS
        transaction = self.transactions.setdefault(owner, Transaction(self.now()))
        transaction.places |= {(group, topic, partition) for topic, of in topics for partition in of}
        return None

    def _offsets_were_sent(self, asked: Reader, told: Reader) -> None:
        """What the broker itself has refused is not open."""
        owner, group = _commit(asked)[:2]
        told.tags()
        told.int32()
        for _ in range(told.compact_count() or 0):
            topic = told.compact_string()
            for _ in range(told.compact_count() or 0):
                partition = told.int32()
                if told.int16() != 0 and owner in self.transactions:
                    self.transactions[owner].places.discard((group, topic, partition))
                told.tags()
            told.tags()
        told.tags()
        told.end()

    def _offsets_are_asked_for(self, body: Reader) -> bytes | None:
        group = body.compact_string()
        count = body.compact_count()
        topics: Topics = []
        for _ in range(count or 0):
            topic = body.compact_string()
            topics.append((topic, [body.int32() for _ in range(body.compact_count() or 0)]))
            body.tags()
        requires_stable = body.int8() != 0
        body.tags()
        body.end()
        if not requires_stable:
            return None
        if count is None:
            raise Unreadable("OffsetFetch asks for stable offsets of all topics, which no lane does")
        self._expire()
        opened = {place for transaction in self.transactions.values() for place in transaction.places}
        if not self.checks_stability or not any((group, topic, partition) in opened for topic, of in topics for partition in of):
            return None
        self.unstable += 1
        return NO_TAGS + struct.pack(">i", 0) + compact_array([_unstable(topic, of) for topic, of in topics]) + struct.pack(">h", 0) + NO_TAGS

    # Transactions

    def _wants_an_epoch(self, body: Reader) -> bytes | None:
        transactional, _, producer, epoch = _producer(body)
        if transactional is None or producer < 0 or transactional not in self.producers:
            return None
        present, *epochs = self.producers[transactional]
        if producer == present and epoch in epochs:
            return None
        self.fenced += 1
        return NO_TAGS + struct.pack(">ihqh", 0, PRODUCER_FENCED, -1, -1) + NO_TAGS

    def _has_new_producer(self, asked: Reader, told: Reader) -> None:
        transactional, timeout, _, before = _producer(asked)
        told.tags()
        told.int32()
        if transactional is None or told.int16() != 0:
            return
        self.producers[transactional] = told.int64(), told.int16(), before
        self.patience[transactional] = timeout / 1000
        for owner in [owner for owner in self.transactions if owner[0] == transactional]:
            del self.transactions[owner]

    def _is_to_end(self, body: Reader) -> bytes | None:
        owner = _owner(body.string(), body)
        if owner in self.expired:
            return struct.pack(">ih", 0, INVALID_PRODUCER_EPOCH)
        if owner in self.transactions:
            # It may be done before anybody hears of it: from now on it has all of its time to be confirmed.
            self.transactions[owner].began = self.now()
        return None

    def _expire(self) -> None:
        """Forgets the offsets of transactions that have taken too long."""
        now = self.now()
        for owner, transaction in list(self.transactions.items()):
            if now - transaction.began > self.patience.get(owner[0], float("inf")):
                del self.transactions[owner]
                self.expired.add(owner)


class Coordinator(Proxy):
    """The proxy: `Coordination` for many connections, and what `Proxy` does besides."""

    def __init__(self, host: str, port: int, every: int = 0):
        self.coordination = Coordination()
        # Not the proxy's lock: one that it takes itself must not wait for this one.
        self.deciding = threading.Condition()
        super().__init__(host, port, every)

    def judge(self, request: Request) -> bytes | None:
        if request.api not in VERSIONS:
            return None
        with self.deciding:
            if request.api == JOIN_GROUP:
                self.deciding.wait_for(lambda: not self.coordination.group_of(request).is_deaf(time.monotonic()), KEPT)
            return self.coordination.judge(request)

    def notice(self, request: Request, answer: bytes) -> None:
        if request.api not in VERSIONS:
            return
        with self.deciding:
            self.coordination.notice(request, answer)
            self.deciding.notify_all()


# The formats that are read or written in several places


def _owner(transactional: str, body: Reader) -> Owner:
    return transactional, body.int64(), body.int16()


def _producer(body: Reader) -> tuple[str | None, int, int, int]:
    """An InitProducerIdRequest, version 4: the transactional id, its transactions' milliseconds, the producer's id and epoch or -1."""
    found = body.compact_string(), body.int32(), body.int64(), body.int16()
    body.tags()
    body.end()
    return found


def _commit(body: Reader) -> tuple[Owner, str, int, str, str | None, Topics]:
    """A TxnOffsetCommitRequest, version 3, without the offsets themselves."""
    transactional, group = body.compact_string(), body.compact_string()
    owner = _owner(transactional, body)
    generation, member, instance = body.int32(), body.compact_string(), body.compact_string()
    topics: Topics = []
    for _ in range(body.compact_count() or 0):
        topic, of = body.compact_string(), []
        for _ in range(body.compact_count() or 0):
            of.append(body.int32())
            # The offset, the epoch of its leader, the metadata.
            body.int64(), body.int32(), body.compact_string()
            body.tags()
        topics.append((topic, of))
        body.tags()
    body.tags()
    body.end()
    return owner, group, generation, member, instance, topics


def _refused(topic: str, partitions: list[int], error: int) -> bytes:
    """A topic of a TxnOffsetCommitResponse, version 3."""
    return compact_string(topic) + compact_array([struct.pack(">ih", partition, error) + NO_TAGS for partition in partitions]) + NO_TAGS


def _unstable(topic: str, partitions: list[int]) -> bytes:
    """A topic of an OffsetFetchResponse, version 7: no offset, no epoch of a leader, no metadata."""
    return compact_string(topic) + compact_array(
        [struct.pack(">iqi", partition, -1, -1) + compact_string("") + struct.pack(">h", UNSTABLE_OFFSET_COMMIT) + NO_TAGS
         for partition in partitions]) + NO_TAGS
