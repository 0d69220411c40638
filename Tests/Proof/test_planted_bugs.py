"""Mistakes are planted in the product; a proof that does not find them is none.

Each mistake is one that somebody has made or that is easily made (docs/reliability.md). The campaign is the same for all, and without a
mistake it finds nothing; the invariants that it must find broken with each are in FOUND.
"""

from __future__ import annotations

import contextlib
import json
import re

import pytest

import campaign
from campaign import PATIENCE, Campaign
from waiting import until
from feeds import TOKEN, Fed, stable_uuid

#: By the mistakes that are made together, which do not hide one another: the invariants that must be found broken, each by one of these
#: regular expressions in the problems or in the failure.
FOUND = {
    # No offset ever moves, and the successor does all the work again.
    "commit_without_offsets": {"I2": "is there twice", "I9": r"\(I9\)"},
    "abort_without_rewind": {"I1": "is lost"},
    # Records of aborted transactions of the gateway become rows.
    "read_uncommitted_consumer": {"I2": "which is no input record"},
    # Nobody ends what a killed worker left open: whoever reads committed records waits for ever.
    "random_transactional_id": {"I5": "I5|could not be read to its end"},
    "position_instead_of_ledger": {"I1": "is lost"},
    "ignore_failed_delivery": {"I1": "is lost"},
    "time_of_reading_for_timestamp,descriptor_left_open,memory_never_given_back":
        {"I4": "I4: .* rows are others", "I8 (descriptors)": r"I8: .* \d+ descriptors open", "I8 (memory)": r"I8: .* MiB resident"},
    "batch_written_backwards,offsets_of_an_older_commit,snapshot_of_the_beginning,dead_letter_cut_short,error_that_nobody_explains":
        {"I3": "row of .* stands behind", "I6": "went back from", "I7": r"epoch \d+ after \d+",
         "I10 (dead letters)": "the value is not the original's", "I10 (logs)": "I10: .*nothing is wrong"},
}

#: Every invariant is there.
assert {invariant.split()[0] for broken in FOUND.values() for invariant in broken} == {f"I{number}" for number in range(1, 11)}


def aborted_input(deployment, count: int) -> None:
    """Records of a gateway's transaction that was aborted: nobody may see them."""
    producer = deployment.producer(**{"transactional.id": f"{deployment.tag}-gateway"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for number in range(count):
        body = {"token": TOKEN, "event": "ping", "distinct_id": "nobody", "uuid": stable_uuid(10_000_000 + number), "properties": {}}
        producer.produce(deployment.raw, json.dumps(body).encode(), partition=number % deployment.partitions)
    producer.flush(30)
    producer.abort_transaction(30)


def prepared(deployment, name: str, bugs: str | None) -> Campaign:
    """A campaign with the mistakes, and with input that a gateway has aborted."""
    env = {"TAGSTREAM_PLANTED_BUG": bugs} if bugs else {}
    # So long that no broker ends what a mistake has left open before it is looked for.
    transaction = {"max_records": 20, "max_ms": 20, "timeout_ms": 40_000}
    # A given cluster takes a session until it gives the partitions of a killed worker to others.
    impatient = 12 if deployment.cluster.is_ours else 20
    run = Campaign(deployment, name, 12, lanes=1, env=env, patience=PATIENCE if bugs is None else impatient, transaction=transaction)
    aborted_input(deployment, 60)
    run.load.poison_share = 0.01
    return run


def gauntlet(run: Campaign) -> None:
    """Aborts, kills in open transactions, rows that are refused: everything that one of the mistakes needs."""
    run.start()
    for number in range(3):
        slot = run.slots[number % 2]
        run.inject(slot, f"before_offsets:{number + 2}:abortable,after_offsets:{number + 7}:abortable,before_offsets:11:abortable")
        run.fail(slot, "after_commit:4")
        run.fail(slot, "after_offsets:3")
        run.feeder.burst(600)


def live_on(run: Campaign) -> None:
    """Another epoch, and some transactions of workers that nothing happens to: what is seen only over time."""
    run.change_catalogue()
    for _ in range(8):
        run.feeder.burst(300)
        run.await_progress(run.monitor.look())


def leave_open(run: Campaign) -> None:
    """Kills a worker whose open transaction has reached the broker: at after_offsets alone the records may not have been sent yet."""
    slot = run.slots[0]
    slot.worker.kill()
    hanging = run.launch(slot, "after_offsets:3:hang")
    run.feeder.burst(600)
    until(run.has_hanging_transaction, 30, "a transaction that hangs")
    hanging.kill()
    run.launch(slot)


def aftermath(run: Campaign) -> None:
    """Has healthy successors do the rest and the checker say what it finds, where the campaign has not come to it by itself."""
    if run.report.problems:
        return
    run.feeder.finishing.set()
    if run.feeder.is_alive():
        run.feeder.join(30)
    run.env = {}
    for slot in run.slots:
        if slot.worker is not None:
            slot.worker.kill()
        run.launch(slot)
    try:
        until(lambda: sum(run.deployment.committed().values()) >= sum(run.feeder.ends.values()), 20, "the healthy successors")
    except (TimeoutError, AssertionError):
        pass
    for slot in run.slots:
        slot.worker.kill()
    run.monitor.ended.set()
    run.ended.set()
    with contextlib.suppress(AssertionError):
        run.examine(reference=False)


def test_without_a_mistake_nothing_is_found(deployment):
    """The campaign that the mistakes are held to passes when there is none."""
    run = prepared(deployment, "no planted bug", None)
    gauntlet(run)
    run.finish()


@pytest.mark.parametrize("bugs", FOUND)
def test_a_planted_bug_is_found(deployment, bugs):
    """With the mistake the campaign fails, and says what such a mistake breaks."""
    before = len(campaign.REPORTS)
    run = prepared(deployment, f"planted: {bugs}", bugs)
    has_reference = "I4" in FOUND[bugs]
    try:
        # Not pytest.raises: what else goes wrong has to be told from what was planted.
        gauntlet(run)
        if "I5" in FOUND[bugs]:
            leave_open(run)
        if "I7" in FOUND[bugs]:
            live_on(run)
        run.finish(reference=has_reference)
    except (AssertionError, TimeoutError) as failure:
        # Before the successors wait for it: Kafka ends a transaction when its time is over, and then nothing is to be seen of it.
        if "I5" in FOUND[bugs] and run.has_hanging_transaction():
            run.problems.append("I5: a transaction hangs")
        aftermath(run)
        # All of the problems: the failure shows the first of them only, and which those are depends on when the broker was asked.
        # The report has none where the outputs cannot even be read to their end; what was found before that is the campaign's.
        text = "\n".join([str(failure), *run.problems, *run.report.problems])
    else:
        raise AssertionError(f"{bugs} was planted and nothing was found")
    finally:
        # These are no figures of the product.
        del campaign.REPORTS[before:]
    for invariant, words in FOUND[bugs].items():
        found = re.search(f"^.*(?:{words}).*$", text, re.MULTILINE)
        print(f"{bugs}: {invariant} is broken: {found and found[0][:160]}")
        assert found, f"{bugs} was planted, {invariant} should be broken, and something else was found: {text[:2000]}"
