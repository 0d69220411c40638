#!/usr/bin/env python3
"""Faults for so many minutes, one campaign after the other, and a table in the end: `make chaos BROKERS=host:port MINUTES=60`.

Every campaign has a seed that follows from the first one and is printed; `--seed` repeats a run. The exit code is 1 if anything was
lost, twice, out of order or otherwise wrong. With `--record FILE` the table replaces the one of the last run in a Markdown file, whatever it
says.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import platform
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "EndToEnd"))


def fault(run, chance: random.Random) -> None:
    """One fault of any kind."""
    from test_campaigns import BEHIND_ERRORS, PLACES

    slot = chance.choice(run.slots)
    dice = chance.random()
    if dice < 0.35:
        run.kill(slot)
    elif dice < 0.6:
        place = chance.choice(PLACES)
        most = 2 if place in ("before_init", "in_init", "after_init", "after_assign") else 20
        run.fail(slot, f"{place}:{chance.randint(1, most)}")
    elif dice < 0.75:
        place, error = chance.choice(list(BEHIND_ERRORS.items()))
        run.fail(slot, f"{error.format(count=chance.randint(1, 12))},{place}")
    elif dice < 0.85:
        action = chance.choice(["abortable", "unknown"])
        run.inject(slot, f"before_offsets:{chance.randint(1, 5)}:{action},after_offsets:{chance.randint(1, 9)}:{action}")
    elif dice < 0.92:
        run.drain(slot)
    elif dice < 0.96:
        run.suspend(slot, chance.uniform(0.2, 2))
    else:
        run.replace(slot, suspended=chance.random() < 0.5)


#: What is between these lines of the file that `--record` names is the last run's.
BEGIN, END = "<!-- the last run of make chaos -->", "<!-- its end -->"


def record(lines: list[str], path: pathlib.Path) -> None:
    """Replaces the last run's lines in a Markdown file."""
    before, after = around(path)
    path.write_text("\n".join([before + BEGIN, *lines, END + after]), encoding="utf-8")


def around(path: pathlib.Path) -> tuple[str, str]:
    """What stands before the last run's lines, and behind them."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN + "\n")
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"chaos: {path} has no lines {BEGIN!r} and {END!r}: there is no place for the table")
    return before, after


def circumstances(given: argparse.Namespace, load: float) -> str:
    """Date, versions, machine and seed of a run."""
    import deployment as deployments
    from broker import noida_db

    product = subprocess.run([deployments.binary(), "--version"], check=True, capture_output=True, text=True).stdout.strip()
    cluster = f"the cluster {given.brokers}"
    if not given.brokers:
        said = subprocess.run([noida_db(), "--version"], capture_output=True, text=True).stdout.strip()
        cluster = said or "noida-db"
    return (f"{time.strftime('%Y-%m-%d')}, seed {given.seed}, {given.minutes:g} minutes: tagstream {product}, {cluster}; "
            f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()} {platform.release().split('-')[0]}, load {load:.1f}")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--minutes", type=float, default=5)
    arguments.add_argument("--brokers", default="")
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments.add_argument("--faults", type=int, default=25, help="faults of one campaign")
    arguments.add_argument("--record", type=pathlib.Path, help="a Markdown file in which the table replaces that of the last run")
    given = arguments.parse_args()
    os.environ.setdefault("TAGSTREAM_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / ".build/release/tagstream"))

    import broker
    import campaign
    import generations

    print(f"chaos: seed {given.seed}, {given.minutes:g} minutes, {given.brokers or 'a noida-db for every campaign'}")
    if given.record is not None:
        around(given.record)
    load = os.getloadavg()[0]
    end = time.monotonic() + given.minutes * 60
    failures = 0
    number = 0
    while time.monotonic() < end:
        seed = given.seed + number
        number += 1
        chance = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix="tagstream-chaos-") as folder:
            cluster = broker.GivenCluster(given.brokers) if given.brokers else broker.OwnBroker(pathlib.Path(folder) / "broker")
            coordinator = generations.Coordinator("127.0.0.1", cluster.port) if cluster.is_ours else None
            made = campaign.deploy(cluster, coordinator, pathlib.Path(folder))
            try:
                run = campaign.Campaign(made, f"chaos {number}", seed).start()
                for _ in range(given.faults):
                    if time.monotonic() > end:
                        break
                    fault(run, chance)
                run.finish()
                assert coordinator is None or not coordinator.problems, coordinator.problems
            except Exception as failure:  # noqa: BLE001: whatever it is, the table is owed
                failures += 1
                print(f"chaos: seed {seed} FAILED: {type(failure).__name__}: {failure}")
            finally:
                made.stop()
                if coordinator is not None:
                    coordinator.close()
                cluster.stop()
        print(campaign.table(campaign.REPORTS[-1:])[2] if campaign.REPORTS else "no campaign came to its end")

    wrong = failures + sum(len(report.problems) for report in campaign.REPORTS)
    table = campaign.table(campaign.REPORTS) if campaign.REPORTS else ["No campaign came to its end."]
    lines = [f"{circumstances(given, load)}.", "", *table, "",
             f"{failures} campaigns failed." if wrong or not campaign.REPORTS else "Nothing was wrong."]
    print("\n".join(["", *lines]))
    if given.record is not None:
        record(lines, given.record)
        print(f"\nthe table of the last run in {given.record} has been replaced by this one")
    return 1 if wrong or not campaign.REPORTS else 0


if __name__ == "__main__":
    sys.exit(main())
