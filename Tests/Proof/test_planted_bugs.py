"""Mistakes are planted in the product, one after the other; a proof that does not find them is none.

Each mistake is one that somebody has made (docs/reliability.md). The campaign is the same for all, and without a mistake it finds
nothing; the invariant that it must find broken with each is in FOUND.
"""

from __future__ import annotations

import json
import re

import pytest

import campaign
from campaign import Campaign
from feeds import TOKEN, Fed, stable_uuid

#: What must be found, as words of the problems or of the failure; one is enough.
FOUND = {
    # Work is done again by the successor, or not at all known to be done.
    "commit_without_offsets": ["is there twice", "stands behind", "I6", "I9"],
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


def gauntlet(deployment, name: str, bug: str | None) -> Campaign:
    """Aborts, kills in open transactions, rows that are refused, aborted input: everything that one of the mistakes needs."""
    env = {"TAGSTREAM_PLANTED_BUG": bug} if bug else {}
    run = Campaign(deployment, name, 12, env=env, transaction={"max_records": 20, "max_ms": 20})
    aborted_input(deployment, 60)
    run.load.poison_share = 0.01
    run.start()
    for number in range(3):
        slot = run.slots[number % 2]
        run.inject(slot, f"before_offsets:{number + 2}:abortable,after_offsets:{number + 7}:abortable,before_offsets:11:abortable")
        run.fail(slot, "after_commit:4")
        run.fail(slot, "after_offsets:3")
        run.feeder.burst(600)
    return run


def test_without_a_mistake_nothing_is_found(deployment):
    """The campaign that the mistakes are held to passes when there is none."""
    gauntlet(deployment, "no planted bug", None).finish()


@pytest.mark.parametrize("bug", FOUND)
def test_a_planted_bug_is_found(deployment, bug):
    """With the mistake the campaign fails, and says what such a mistake breaks."""
    before = len(campaign.REPORTS)
    run = None
    try:
        # Not pytest.raises: what else goes wrong has to be told from what was planted.
        run = gauntlet(deployment, f"planted: {bug}", bug)
        run.finish(reference=False)
    except (AssertionError, TimeoutError) as failure:
        text = str(failure)
    else:
        raise AssertionError(f"{bug} was planted and nothing was found")
    finally:
        # These are no figures of the product.
        del campaign.REPORTS[before:]
    found = [words for words in FOUND[bug] if words in text]
    print(f"{bug}: found by {found}: {re.sub(chr(10), ' ', text)[:300]}")
    assert found, f"{bug} was planted, and something else was found: {text[:2000]}"
