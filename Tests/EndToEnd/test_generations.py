"""The proxy's view of offsets and generations, with frames that are put together by hand from Kafka's message specifications."""

from __future__ import annotations

import socket
import struct
import threading

import pytest

from generations import (FENCED_INSTANCE_ID, ILLEGAL_GENERATION, INVALID_PRODUCER_EPOCH, UNKNOWN_MEMBER_ID, Coordination,
                         Coordinator)
from wire import Reader, Request, Unreadable, compact_string, frame, string, varint

#: Behind the head of an answer and of a flexible one, whose head has tagged fields: no throttling.
CALM = b"\0\0\0\0"


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def group(clock):
    """A group of generation 4 with the dynamic member "ann" and the static member "bob-1", who is called "bob"."""
    known = Coordination(clock)
    join(known, 4, "ann")
    join(known, 4, "bob-1", "bob")
    return known


def request(api: int, version: int, flexible: bool, body: bytes) -> Request:
    """RequestHeader: the API's key, its version, the correlation id, the client's id; tagged fields in version 2 of the header."""
    return Request.read(struct.pack(">hhi", api, version, 77) + b"\0\x07rdkafka" + (b"\0" if flexible else b"") + body)


def wants_to_join(known: Coordination, instance: str | None = None) -> Request:
    """JoinGroup 5: a member asks."""
    asked = request(11, 5, False, b"\0\x01g" + struct.pack(">ii", 6000, 300_000) + b"\0\0" + string(instance) + b"\0\x08consumer"
                    + b"\0\0\0\x01" + b"\0\x05range" + b"\0\0\0\x02hi")
    assert known.judge(asked) is None
    return asked


def join(known: Coordination, generation: int, member: str, instance: str | None = None, error: int = 0,
         asked: Request | None = None) -> None:
    """The answer to a member, and its question if that was not asked before."""
    asked = asked or wants_to_join(known, instance)
    answer = b"\0\0\0\x4d" + CALM + struct.pack(">hi", error, generation) + b"\0\x05range" + b"\0\x03ann" + string(member) + b"\0\0\0\0"
    known.notice(asked, answer)


def offsets(generation: int, member: str, instance: str | None = None, epoch: int = 0, partitions=(3, 5), version: int = 3) -> Request:
    """TxnOffsetCommit 3 of the transactional id "t", producer 1000, for partitions of "raw"."""
    parts = b"".join(struct.pack(">iqi", partition, 900, -1) + compact_string("epoch=6") + b"\0" for partition in partitions)
    return request(28, version, True, b"\x02t" + b"\x02g" + struct.pack(">qhi", 1000, epoch, generation) + compact_string(member)
                   + compact_string(instance) + b"\x02" + b"\x04raw" + varint(len(partitions) + 1) + parts + b"\0" + b"\0")


def fetch(partitions, stable: bool = True, group: bytes = b"g") -> Request:
    """OffsetFetch 7."""
    parts = b"".join(struct.pack(">i", partition) for partition in partitions)
    return request(9, 7, True, varint(len(group) + 1) + group + b"\x02" + b"\x04raw" + varint(len(partitions) + 1) + parts + b"\0"
                   + bytes([stable]) + b"\0")


def end(epoch: int = 0) -> Request:
    """EndTxn 1: commit."""
    return request(26, 1, False, b"\0\x01t" + struct.pack(">qh", 1000, epoch) + b"\x01")


def ended(error: int = 0) -> bytes:
    return b"\0\0\0\x4d" + CALM + struct.pack(">h", error)


def wants_an_epoch(producer: int = -1, epoch: int = -1, timeout: int = 15_000, transactional: bytes = b"\x02t") -> Request:
    """InitProducerId 4: a new producer, or one that has an epoch and wants the next."""
    return request(22, 4, True, transactional + struct.pack(">iqh", timeout, producer, epoch) + b"\0")


def produces(known: Coordination, epoch: int = 0, timeout: int = 15_000, error: int = 0, before: int = -1) -> None:
    """The transactional id has producer 1000 with an epoch."""
    asked = wants_an_epoch(-1 if before < 0 else 1000, before, timeout)
    assert known.judge(asked) is None
    known.notice(asked, b"\0\0\0\x4d" + b"\0" + CALM + struct.pack(">hqh", error, 1000, epoch) + b"\0")


def refusal(error: int) -> bytes:
    """TxnOffsetCommitResponse 3 for partitions 3 and 5 of "raw"."""
    return (b"\0" + CALM + b"\x02" + b"\x04raw" + b"\x03" + b"\0\0\0\x03" + struct.pack(">h", error) + b"\0" + b"\0\0\0\x05"
            + struct.pack(">h", error) + b"\0" + b"\0" + b"\0")


#: OffsetFetchResponse 7 for partition 5 of "raw".
UNSTABLE = (b"\0" + CALM + b"\x02" + b"\x04raw" + b"\x02" + b"\0\0\0\x05" + b"\xff" * 8 + b"\xff" * 4 + b"\x01" + b"\0\x58" + b"\0" + b"\0"
            + b"\0\0" + b"\0")


@pytest.mark.parametrize(("generation", "member", "instance", "error"), [
    (4, "ann", None, 0),
    (4, "bob-1", "bob", 0),
    (3, "ann", None, ILLEGAL_GENERATION),
    (5, "ann", None, ILLEGAL_GENERATION),
    # The client has already forgotten one of the two.
    (-1, "ann", None, ILLEGAL_GENERATION),
    (4, "", None, UNKNOWN_MEMBER_ID),
    (4, "eve", None, UNKNOWN_MEMBER_ID),
    (4, "bob-0", "bob", FENCED_INSTANCE_ID),
    # No member and no generation: a producer that knows of no group, which Kafka lets pass.
    (-1, "", None, 0),
])
def test_who_may_send_offsets(group, generation, member, instance, error):
    assert group.judge(offsets(generation, member, instance)) == (refusal(error) if error else None)
    assert sum(group.refused.values()) == (1 if error else 0)


def test_whoever_does_not_join_again_is_left_behind(group):
    """From the first answer of a generation on, the one before it is over, and with it those who have not had such an answer."""
    join(group, 5, "bob-1", "bob")
    assert group.judge(offsets(4, "ann")) == refusal(ILLEGAL_GENERATION)
    assert group.judge(offsets(5, "ann")) == refusal(UNKNOWN_MEMBER_ID)
    assert group.judge(offsets(5, "bob-1", "bob")) is None
    join(group, 5, "ann")
    assert group.judge(offsets(5, "ann")) is None


def test_a_static_member_is_replaced_within_a_generation(group):
    join(group, 4, "bob-2", "bob")
    assert group.judge(offsets(4, "bob-1", "bob")) == refusal(FENCED_INSTANCE_ID)
    assert group.judge(offsets(4, "bob-2", "bob")) is None


def test_an_answer_that_is_an_error_tells_nothing(group):
    """Such as MEMBER_ID_REQUIRED, which every dynamic member is told at first, with the generation -1."""
    join(group, 9, "eve", error=79)
    assert group.judge(offsets(4, "ann")) is None


def test_a_group_that_nobody_has_joined(clock):
    assert Coordination(clock).judge(offsets(4, "ann")) == refusal(ILLEGAL_GENERATION)


def test_nobody_asks_while_others_are_told(group, clock):
    """From the first answer until the last one that was waited for then."""
    one, two = wants_to_join(group), wants_to_join(group)
    known = group.groups["g"]
    assert not known.is_deaf(clock())
    join(group, 5, "ann", asked=one)
    assert known.is_deaf(clock())
    join(group, 5, "bob", asked=two)
    assert not known.is_deaf(clock())


def test_who_is_told_to_ask_again_keeps_nobody(group, clock):
    """The answer that is an error is not the outcome that another one waits for."""
    one, two = wants_to_join(group), wants_to_join(group)
    join(group, -1, "ann", error=79, asked=one)
    assert not group.groups["g"].is_deaf(clock())
    join(group, 5, "bob", asked=two)
    assert not group.groups["g"].is_deaf(clock())


def test_nobody_asks_shortly_before_a_first_rebalance_ends(clock):
    known = Coordination(clock)
    first = wants_to_join(known)
    clock.seconds = 0.19
    assert not known.groups["g"].is_deaf(clock())
    clock.seconds = 0.21
    assert known.groups["g"].is_deaf(clock())
    join(known, 1, "ann", asked=first)
    assert not known.groups["g"].is_deaf(clock())
    wants_to_join(known)
    clock.seconds = 9
    assert not known.groups["g"].is_deaf(clock())


def test_offsets_are_open_until_the_end_is_confirmed(group):
    produces(group)
    assert group.judge(fetch([5])) is None
    assert group.judge(offsets(4, "ann")) is None
    assert group.judge(fetch([5])) == UNSTABLE
    assert group.judge(end()) is None
    assert group.judge(fetch([5])) == UNSTABLE
    group.notice(end(), ended(error=51))
    assert group.judge(fetch([5])) == UNSTABLE
    group.notice(end(), ended())
    assert group.judge(fetch([5])) is None
    assert group.unstable == 3


@pytest.mark.parametrize("asked", [fetch([4]), fetch([5], stable=False), fetch([5], group=b"h")])
def test_others_are_told_their_offsets(group, asked):
    group.judge(offsets(4, "ann"))
    assert group.judge(asked) is None


def test_refused_offsets_are_not_open(group):
    group.judge(offsets(3, "ann"))
    assert group.judge(fetch([5])) is None


def test_offsets_that_the_broker_refuses_are_not_open(group):
    """Partition 5 is refused, partition 3 is taken."""
    asked = offsets(4, "ann")
    group.judge(asked)
    group.notice(asked, b"\0\0\0\x4d" + b"\0" + CALM + b"\x02" + b"\x04raw" + b"\x03" + b"\0\0\0\x03\0\0\0" + b"\0\0\0\x05\0\x2f\0" + b"\0" + b"\0")
    assert group.judge(fetch([5])) is None
    assert group.judge(fetch([3])) is not None


def test_a_new_producer_ends_what_was_open(group):
    produces(group)
    group.judge(offsets(4, "ann"))
    produces(group, epoch=1, error=51)
    assert group.judge(fetch([5])) == UNSTABLE
    produces(group, epoch=1)
    assert group.judge(fetch([5])) is None


def test_the_end_of_another_epoch_ends_nothing(group):
    produces(group)
    group.judge(offsets(4, "ann", epoch=1))
    group.notice(end(epoch=0), ended())
    assert group.judge(fetch([5])) == UNSTABLE


def test_a_transaction_that_takes_too_long_is_over(group, clock):
    """Nobody waits for it any longer, and it cannot be committed any more; a new epoch can."""
    produces(group, timeout=15_000)
    group.judge(offsets(4, "ann"))
    clock.seconds = 15
    assert group.judge(fetch([5])) == UNSTABLE
    clock.seconds = 15.1
    assert group.judge(fetch([5])) is None
    assert group.judge(end()) == ended(INVALID_PRODUCER_EPOCH)[4:]
    assert group.judge(offsets(4, "ann")) == refusal(INVALID_PRODUCER_EPOCH)
    produces(group, epoch=1)
    assert group.judge(offsets(4, "ann", epoch=1)) is None
    assert group.judge(end(epoch=1)) is None


def test_an_end_that_is_under_way_has_all_of_its_time(group, clock):
    """It may be done already: refusing what is done would be a lie."""
    produces(group, timeout=15_000)
    group.judge(offsets(4, "ann"))
    clock.seconds = 14
    group.judge(end())
    clock.seconds = 20
    assert group.judge(fetch([5])) == UNSTABLE
    group.notice(end(), ended())
    assert group.judge(fetch([5])) is None


FENCED = b"\0" + CALM + b"\0\x5a" + b"\xff" * 8 + b"\xff" * 2 + b"\0"


@pytest.mark.parametrize(("asked", "answer"), [
    (wants_an_epoch(), None),
    (wants_an_epoch(1000, 1), None),
    (wants_an_epoch(1000, 0), FENCED),
    (wants_an_epoch(1000, 2), FENCED),
    (wants_an_epoch(999, 1), FENCED),
    # Another transactional id, and none.
    (wants_an_epoch(1000, 0, transactional=b"\x02u"), None),
    (wants_an_epoch(1000, 0, transactional=b"\0"), None),
])
def test_a_producer_that_was_replaced_gets_no_epoch(group, asked, answer):
    """The epoch is 1, because somebody else has taken the transactional id over."""
    produces(group, epoch=0)
    produces(group, epoch=1)
    assert group.judge(asked) == answer
    assert group.fenced == (1 if answer else 0)


def test_a_producer_may_ask_again_for_its_next_epoch(group):
    """It has not heard the answer to its first question; whoever had the epoch before that has been replaced."""
    produces(group, epoch=0)
    produces(group, epoch=1, before=0)
    assert group.judge(wants_an_epoch(1000, 0)) is None
    produces(group, epoch=2, before=1)
    assert group.judge(wants_an_epoch(1000, 0)) == FENCED


def test_the_checks_can_be_switched_off(group):
    group.checks_generations = group.checks_stability = False
    assert group.judge(offsets(3, "ann")) is None
    assert group.judge(fetch([5])) is None


def test_other_apis_are_nobodys_affair(group):
    assert group.judge(request(0, 99, True, b"whatever")) is None
    group.notice(request(0, 99, True, b"whatever"), b"")


@pytest.mark.parametrize("asked", [
    offsets(4, "ann", version=2),
    request(28, 3, True, offsets(4, "ann").frame[18:-1]),
    request(28, 3, True, offsets(4, "ann").frame[18:] + b"\0"),
    # Stable offsets of all topics, by a null array.
    request(9, 7, True, b"\x02g" + b"\0" + b"\x01" + b"\0"),
    request(28, 3, True, b"\xff" * 8),
], ids=["a version that is not known", "too short", "too long", "all topics", "no varint"])
def test_what_cannot_be_read_is_an_error(group, asked):
    with pytest.raises(Unreadable):
        group.judge(asked)


def test_tagged_fields_are_passed_over():
    reader = Reader(b"\x02" + b"\x05\x01!" + b"\x90\x01\x02??" + b"end")
    reader.tags()
    assert reader.take(3) == b"end"


@pytest.mark.parametrize("value", [0, 127, 128, 300, 1 << 20])
def test_varints(value):
    assert Reader(varint(value)).varint() == value


class Echo:
    """A broker that says of every request only its correlation id."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.seen: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        end, _ = self.listener.accept()
        while asked := frame(end):
            self.seen.append(asked)
            end.sendall(b"\0\0\0\x04" + asked[4:8])


def test_the_proxy_answers_itself_and_lets_others_pass():
    """On one connection: offsets of a generation that nobody has been told of, and a request that the proxy knows nothing of."""
    broker = Echo()
    with Coordinator("127.0.0.1", broker.port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(10)
        for asked in (offsets(4, "ann"), request(60, 0, False, b"")):
            client.sendall(struct.pack(">i", len(asked.frame)) + asked.frame)
        # Whichever comes first: the correlation ids are the same here, the lengths are not.
        assert sorted([frame(client), frame(client)]) == sorted([b"\0\0\0\x4d" + refusal(ILLEGAL_GENERATION), b"\0\0\0\x4d"])
        assert [seen[:2] for seen in broker.seen] == [b"\0\x3c"]


def test_a_proxy_that_fails_says_so():
    """The connection ends, and whoever has the proxy hears of it."""
    broker = Echo()
    asked = offsets(4, "ann", version=4)
    with pytest.raises(AssertionError, match="API 28 has version 4, expected 3"):
        with Coordinator("127.0.0.1", broker.port) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.settimeout(10)
            client.sendall(struct.pack(">i", len(asked.frame)) + asked.frame)
            assert frame(client) == b""
    assert not broker.seen
