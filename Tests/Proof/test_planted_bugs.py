"""Mistakes are planted in the product, one after the other; a proof that does not find them is none.

Each mistake is one that somebody has made (docs/reliability.md). The campaign is the same for all, and without a mistake it finds
nothing; the invariant that it must find broken with each is in FOUND.
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

#: What must be found, as words of the problems or of the failure; one is enough.
FOUND = {
    # No offset ever moves (I9), and the successor does all the work again.
    "commit_without_offsets": ["is there twice"],
    "abort_without_rewind": ["is lost"],
    # Records of aborted transactions of the gateway become rows.
    "read_uncommitted_consumer": ["which is no input record"],
    # Nobody ends what a killed worker left open.
    "random_transactional_id": ["I5", "I9", "could not be read to its end"],
    "position_instead_of_ledger": ["is lost"],
    "ignore_failed_delivery": ["is lost"],
}


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


def prepared(deployment, name: str, bug: str | None) -> Campaign:
    """A campaign with the mistake, and with input that a gateway has aborted."""
    env = {"TAGSTREAM_PLANTED_BUG": bug} if bug else {}
    transaction = {"max_records": 20, "max_ms": 20}
    run = Campaign(deployment, name, 12, lanes=1, env=env, patience=PATIENCE if bug is None else 12, transaction=transaction)
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


@pytest.mark.parametrize("bug", FOUND)
def test_a_planted_bug_is_found(deployment, bug):
    """With the mistake the campaign fails, and says what such a mistake breaks."""
    before = len(campaign.REPORTS)
    run = prepared(deployment, f"planted: {bug}", bug)
    try:
        # Not pytest.raises: what else goes wrong has to be told from what was planted.
        gauntlet(run)
        run.finish(reference=False)
    except (AssertionError, TimeoutError) as failure:
        aftermath(run)
        # All of the problems: the failure shows the first of them only, and which those are depends on when the broker was asked.
        text = "\n".join([str(failure), *run.report.problems])
    else:
        raise AssertionError(f"{bug} was planted and nothing was found")
    finally:
        # These are no figures of the product.
        del campaign.REPORTS[before:]
    found = [words for words in FOUND[bug] if words in text]
    print(f"{bug}: found by {found}: {re.sub(chr(10), ' ', text)[:300]}")
    assert found, f"{bug} was planted, and something else was found: {text[:2000]}"
