"""A campaign: load, workers, faults, and in the end the checker; what it found is a row of the proof's table.

Two workers with two lanes each work on six partitions while a feeder writes without a pause, and a burst before every fault, so that
the fault falls into work. A monitor reads the group's committed offsets all the time: they must never go back, and they tell
when every partition has moved again after a fault. In the end everything is read `read_committed` and held, position by position, to
what was fed, and byte by byte to a run of one undisturbed lane.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import random
import signal
import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

import checker
import deployment as deployments
import generations
from checker import Check, Read, read_topic
from feeds import CATALOGUE
from load import MESSAGE_BYTES, Load
from waiting import until

#: Transactions of a campaign: small enough that many are cut.
TRANSACTION = {"max_records": 400, "max_ms": 50}
#: Records that are written ten times a second, and those that come at once before a fault, so that it falls into work.
TRICKLE = 90
BURST = 1500
#: On a given cluster a fault takes ten times as long, for sessions have to expire: what is written meanwhile has to fit into the checker.
TRICKLE_GIVEN = 15
#: I8: more than this is a leak, resident bytes and open descriptors of one worker: they come to 50 MiB and to 50.
RESIDENT_BYTES = 200 << 20
DESCRIPTORS = 100
#: And so are so many more descriptors than it had when it had worked for some seconds.
MORE_DESCRIPTORS = 5
#: I9: after this many seconds without progress somebody should be woken.
PATIENCE = 30.0


def failpoints_binary() -> pathlib.Path:
    """The executable with failpoints: TAGSTREAM_FAILPOINTS_BINARY, or what `make failpoints` has left behind."""
    given = os.environ.get("TAGSTREAM_FAILPOINTS_BINARY")
    path = pathlib.Path(given) if given else deployments.REPOSITORY / ".build-failpoints" / "release" / "tagstream"
    if not path.exists():
        raise FileNotFoundError(f"no executable with failpoints at {path}: make failpoints, or set TAGSTREAM_FAILPOINTS_BINARY")
    return path.resolve()


def deploy(cluster, coordinator: generations.Coordinator | None, folder: pathlib.Path) -> deployments.Deployment:
    """Names of one's own on the cluster for workers with failpoints, which go through the proxy if there is one."""
    made = deployments.Deployment(cluster, folder, partitions=6, brokers=coordinator and coordinator.address)
    made.program = failpoints_binary()
    made.coordinator = coordinator
    return made


@dataclasses.dataclass
class Report:
    """A row of the table."""

    name: str
    seed: int
    cluster: str
    faults: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    #: Seconds from a kill -9 to the first commit behind it on every partition.
    recoveries: list[float] = dataclasses.field(default_factory=list)
    #: Seconds from SIGTERM to the end of the process.
    drains: list[float] = dataclasses.field(default_factory=list)
    events: int = 0
    #: Rows that were written and that no reader of committed records sees.
    aborted_rows: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0
    #: The most resident bytes and open descriptors that any worker was seen with.
    resident: int = 0
    descriptors: int = 0
    #: How often the proxy before the small broker refused offsets, did not tell any, and fenced a producer.
    refused: int = 0
    unstable: int = 0
    fenced: int = 0


#: What the campaigns of this process have found.
REPORTS: list[Report] = []


def percentile(values: list[float], share: float) -> float:
    """The least of the values that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))] if ordered else 0.0


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    return " / ".join(f"{value:.2f}" for value in (percentile(values, 0.5), percentile(values, 0.99), max(values)))


def table(reports: list[Report]) -> list[str]:
    """The table, in Markdown."""
    lines = ["| campaign | seed | faults | events | aborted rows | recovery p50 / p99 / max s | drain p50 / p99 / max s | lost | duplicated "
             "| out of order | other |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for report in reports:
        other = len(report.problems) - report.lost - report.duplicated - report.out_of_order
        lines.append(
            f"| {report.name} | {report.seed} | {sum(report.faults.values())} | {report.events:,} | {report.aborted_rows:,} | "
            f"{_spread(report.recoveries)} | {_spread(report.drains)} | {report.lost} | {report.duplicated} | {report.out_of_order} | "
            f"{other} |")
    faults = sum((report.faults for report in reports), collections.Counter())
    total = Report("all", 0, "", faults, [x for r in reports for x in r.recoveries], [x for r in reports for x in r.drains])
    lines.append(
        f"| **all** | | **{sum(faults.values())}** | **{sum(r.events for r in reports):,}** | {sum(r.aborted_rows for r in reports):,} | "
        f"{_spread(total.recoveries)} | {_spread(total.drains)} | **{sum(r.lost for r in reports)}** | "
        f"**{sum(r.duplicated for r in reports)}** | **{sum(r.out_of_order for r in reports)}** | |")
    lines.append("")
    lines.append(f"a worker had {max(r.resident for r in reports) >> 20} MiB resident and {max(r.descriptors for r in reports)} "
                 "descriptors open at most")
    lines.append(f"the proxy before the small broker: offsets of a generation or a member refused {sum(r.refused for r in reports)} times, "
                 f"offsets not told {sum(r.unstable for r in reports)} times because a transaction had sent others, and a producer "
                 f"that was replaced given no new epoch {sum(r.fenced for r in reports)} times")
    lines.append("faults: " + ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items(), key=lambda pair: (-pair[1], pair[0]))))
    return lines


class Monitor(threading.Thread):
    """Reads the committed offsets until it is stopped."""

    def __init__(self, deployment):
        super().__init__(daemon=True)
        self.deployment = deployment
        self.lock = threading.Lock()
        self.committed: dict[int, int] = {}
        #: When a partition's offset was first seen to be what it is.
        self.since: dict[int, float] = {}
        self.problems: list[str] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.03):
            try:
                seen = self.deployment.committed()
            except (KafkaException, TimeoutError):
                # The coordinator may be away for a moment; whether the workers see it come back is what is measured.
                continue
            now = time.monotonic()
            with self.lock:
                for partition, offset in seen.items():
                    before = self.committed.get(partition, 0)
                    if offset < before:
                        self.problems.append(f"the committed offset of partition {partition} went back from {before} to {offset}")
                    if offset != before:
                        self.committed[partition], self.since[partition] = offset, now

    def look(self) -> dict[int, int]:
        with self.lock:
            return dict(self.committed)


class Feeder(threading.Thread):
    """Writes the load, some records ten times a second and more of them in bursts, until it is told to finish."""

    def __init__(self, deployment, load: Load):
        super().__init__(daemon=True)
        self.deployment, self.load = deployment, load
        self.trickle = TRICKLE if deployment.cluster.is_ours else TRICKLE_GIVEN
        self.records = []
        self.ends: dict[int, int] = dict.fromkeys(range(deployment.partitions), 0)
        self.finishing = threading.Event()
        self.more = threading.Event()
        self.lock = threading.Lock()
        #: Records of bursts that nobody has begun to write, and those that are not all in the topic yet.
        self.wanted = 0
        self.owed = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        producer = self.deployment.producer()
        try:
            while not self.finishing.is_set():
                with self.lock:
                    burst, self.wanted = self.wanted, 0
                self.feed(self.load.take(burst + self.trickle), list(self.ends), producer)
                with self.lock:
                    self.owed -= burst
                self.more.wait(0.1)
                self.more.clear()
        except BaseException as failure:  # noqa: BLE001: told by the campaign, which would wait for ever otherwise
            self.failure = failure

    def burst(self, count: int) -> None:
        """Has so many more records written at once."""
        with self.lock:
            self.wanted += count
            self.owed += count
        self.more.set()

    def feed(self, records, partitions: list[int], producer=None) -> None:
        for number, record in enumerate(records):
            record.partition = partitions[number % len(partitions)]
        self.deployment.feed(records, producer)
        for record in records:
            assert record.offset >= 0, f"the broker does not say where in partition {record.partition} it has written a record"
            self.ends[record.partition] = max(self.ends[record.partition], record.offset + 1)
            # The checker reads the input itself; what was fed is only needed for what must become of it.
            record.value = b""
        self.records += records


@dataclasses.dataclass
class Slot:
    """A worker's place, and who has it."""

    number: int
    worker: deployments.RunningWorker | None = None
    #: When all of its lanes had been given partitions; 0 before.
    settled: float = 0
    #: What the worker had open when it had worked for some seconds; 0 before.
    descriptors: int = 0


class Campaign:
    """One campaign on one deployment."""

    def __init__(self, deployment, name: str, seed: int, workers: int = 2, lanes: int = 2, env: dict[str, str] | None = None,
                 patience: float = PATIENCE, **settings: object):
        self.patience = patience
        self.deployment, self.lanes, self.env = deployment, lanes, env or {}
        self.kafka = deployments.MEMBERSHIP | {"message.max.bytes": MESSAGE_BYTES}
        self.settings = settings
        self.chance = random.Random(seed)
        self.report = Report(name, seed, "noida-db" if deployment.cluster.is_ours else "given")
        self.slots = [Slot(number) for number in range(workers)]
        self.problems: list[str] = []
        self.changes = 0
        self.fenced: set[str] = set()
        self.has_zombies = False
        self.began = time.monotonic()
        print(f"campaign {name}: seed {seed}")
        deployment.create_topics()
        deployment.apply(CATALOGUE)
        self.load = Load(seed)
        self.monitor = Monitor(deployment)
        self.feeder = Feeder(deployment, self.load)
        self.sampler = threading.Thread(target=self._sample, daemon=True)
        self.ended = threading.Event()

    # Workers

    def start(self) -> "Campaign":
        """Feeds a first lot, starts the workers, and waits until every partition has moved."""
        self.feeder.feed(self.load.take(BURST), list(self.feeder.ends))
        for slot in self.slots:
            self.launch(slot)
        self.monitor.start()
        self.feeder.start()
        self.sampler.start()
        self.await_progress({})
        return self

    def launch(self, slot: Slot, failpoint: str | None = None) -> deployments.RunningWorker:
        """Starts a worker in a slot, whoever was there before."""
        env = dict(self.env)
        if failpoint:
            env["TAGSTREAM_FAILPOINT"] = failpoint
        # Static members where sessions never expire; on a real cluster killed workers are dynamic members that the group gives up.
        static = f"member-{slot.number}" if self.deployment.cluster.is_ours else None
        settings = {"transaction": TRANSACTION, "memory_bytes": 64 << 20, "kafka": self.kafka} | self.settings
        slot.worker = self.deployment.worker(slot=slot.number, lanes=self.lanes, static=static, env=env, **settings)
        slot.settled, slot.descriptors = 0, 0
        return slot.worker

    def guest(self) -> pathlib.Path:
        """The configuration of a worker that comes and goes: a dynamic member."""
        return self.deployment.write_config("guest.json", None, transaction=TRANSACTION, kafka=self.kafka)

    def _sample(self) -> None:
        """I8: memory and descriptors of every worker, twice a second."""
        while not self.ended.wait(0.5):
            for slot in self.slots:
                worker = slot.worker
                if worker is None or not worker.is_running:
                    continue
                try:
                    status = pathlib.Path(f"/proc/{worker.process.pid}/status").read_text()
                    descriptors = len(os.listdir(f"/proc/{worker.process.pid}/fd"))
                except OSError:
                    continue
                resident = next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmRSS")), 0)
                self.report.resident = max(self.report.resident, resident)
                self.report.descriptors = max(self.report.descriptors, descriptors)
                # Counted from when all lanes have had partitions, and their connections, for some seconds.
                if slot.settled == 0:
                    lanes = {line["lane"] for line in worker.said("assignment changed") if line["partitions"] != "0"}
                    if len(lanes) >= self.lanes and slot.worker is worker:
                        slot.settled = time.monotonic()
                if slot.descriptors == 0 and slot.settled and time.monotonic() - slot.settled > 4:
                    slot.descriptors = descriptors
                if resident > RESIDENT_BYTES:
                    self.problems.append(f"I8: {worker.name} has {resident >> 20} MiB resident")
                if descriptors > DESCRIPTORS:
                    self.problems.append(f"I8: {worker.name} has {descriptors} descriptors open")

    # Progress

    def await_progress(self, before: dict[int, int], seconds: float | None = None) -> float:
        """Waits until every partition has been committed beyond what it was, or to its end; when the last of them did.

        An end counts only when no burst is on its way: until that is written, the end is where the partition stood before it, and a
        test that asks for a burst and for progress in turn would ask for bursts without a pause.
        """

        def moved() -> bool:
            if self.feeder.failure is not None:
                raise self.feeder.failure
            self.check_workers()
            # In this order: a burst that is written in between makes the ends that are read later larger.
            has_written_all = self.feeder.owed == 0
            ends, now = dict(self.feeder.ends), self.monitor.look()
            return all(now.get(partition, 0) > before.get(partition, 0) or has_written_all and now.get(partition, 0) >= end
                       for partition, end in ends.items())

        until(moved, seconds or self.patience, f"every partition to be committed beyond {before} (I9); at {self.monitor.look()}")
        with self.monitor.lock:
            return max(self.monitor.since.get(partition, 0) for partition in self.feeder.ends)

    def await_end(self) -> None:
        """Waits until all that was written is committed."""
        until(lambda: self.check_workers() or all(self.monitor.look().get(p, 0) >= end for p, end in self.feeder.ends.items()), 60,
              f"all of the input to be committed: {self.feeder.ends}; at {self.monitor.look()}")

    def check_workers(self) -> None:
        """A worker that ended by itself has failed; but once a zombie has woken up, one that was replaced is started anew.

        A zombie that does not know what became of its transaction makes a new producer with the slot's transactional id before it asks, and
        then it is the successor that was replaced: Kafka cannot tell who of the two should have the slot.
        """
        for slot in self.slots:
            worker = slot.worker
            if worker is not None and not worker.is_running:
                if self.has_zombies and self.was_replaced(worker):
                    self.fenced.add(worker.name)
                    self.launch(slot)
                    continue
                raise AssertionError(f"{worker.name} ended with {worker.process.returncode}:\n{worker.stderr[-3000:]}")

    def recovered(self, kind: str, began: float, before: dict[int, int], counts: bool = True) -> None:
        """Notes a fault that was survived."""
        seconds = self.await_progress(before) - began
        self.report.faults[kind] += 1
        if counts:
            self.report.recoveries.append(max(0.0, seconds))

    def change_catalogue(self) -> None:
        """Publishes an action that no event belongs to, and waits until every worker that runs has it: from here on the epoch is another."""

        def epoch(worker) -> int:
            return max((int(line["epoch"]) for line in worker.logs() if line["message"] in ("catalogue read", "catalogue changed")), default=0)

        before = max(epoch(slot.worker) for slot in self.slots)
        self.changes += 1
        never = {"id": 99, "team_id": 71, "name": f"Never {self.changes}", "steps": [{"event": "never"}]}
        self.deployment.apply(CATALOGUE | {"actions": [*CATALOGUE["actions"], never]})
        until(lambda: self.check_workers() or all(epoch(slot.worker) > before for slot in self.slots), PATIENCE, "the catalogue's change")

    # Faults

    def disturb(self, seconds: float) -> None:
        """A burst of work, and a seeded moment within it."""
        self.feeder.burst(BURST)
        time.sleep(self.chance.uniform(0, seconds))

    def kill(self, slot: Slot) -> None:
        """kill -9 at a seeded moment; a successor starts at once."""
        self.disturb(0.25)
        before, began = self.monitor.look(), time.monotonic()
        slot.worker.kill()
        self.launch(slot)
        self.recovered("kill -9", began, before)

    def fail(self, slot: Slot, failpoint: str) -> None:
        """Ends the worker at a named place, reached by a successor of the present one; then another successor starts."""
        slot.worker.kill()
        self.feeder.burst(BURST // 2)
        worker = self.launch(slot, failpoint)
        try:
            worker.process.wait(PATIENCE)
        except Exception:
            raise AssertionError(f"{worker.name} never came to {failpoint}:\n{worker.stderr[-2000:]}") from None
        assert worker.process.returncode in (-signal.SIGKILL, 70), f"{failpoint}: {worker.process.returncode}\n{worker.stderr[-2000:]}"
        before, began = self.monitor.look(), time.monotonic()
        self.launch(slot)
        self.report.faults["kill -9"] += 1
        self.recovered(f"at {failpoint.split(',')[-1].split(':')[0]}", began, before)

    def inject(self, slot: Slot, failpoint: str) -> None:
        """Has calls of the worker fail; it has to go on by itself."""
        slot.worker.kill()
        self.launch(slot, failpoint)
        self.report.faults["kill -9"] += 1
        before, began = self.monitor.look(), time.monotonic()
        self.recovered("error injected", began, before, counts=False)

    def drain(self, slot: Slot) -> None:
        """SIGTERM at full load."""
        self.disturb(0.15)
        began = time.monotonic()
        code = slot.worker.drain()
        self.report.drains.append(time.monotonic() - began)
        assert code == 0, slot.worker.stderr[-3000:]
        before = self.monitor.look()
        began = time.monotonic()
        self.launch(slot)
        self.recovered("SIGTERM", began, before, counts=False)

    @staticmethod
    def was_replaced(worker: deployments.RunningWorker) -> bool:
        """Whether a worker that was suspended has ended because its place is taken, with 4, or with 3 and the sentence about static members.

        One that has slept through its session is fenced by its own second coming (librdkafka joins anew while the old member's heartbeat is
        under way), and a zombie may hear as a consumer that it was replaced before it hears so as a producer.
        """
        code = worker.process.returncode
        return code == 4 or code == 3 and "Static consumer fenced" in worker.stderr

    def suspend(self, slot: Slot, seconds: float) -> None:
        """SIGSTOP for longer than a transaction may last, then SIGCONT: it goes on, or says that it was replaced and ends with 4."""
        self.disturb(0.15)
        slot.worker.send(signal.SIGSTOP)
        time.sleep(seconds)
        before, began = self.monitor.look(), time.monotonic()
        slot.worker.send(signal.SIGCONT)
        try:
            self.recovered("SIGSTOP", began, before, counts=False)
        except AssertionError:
            if not self.was_replaced(slot.worker):
                raise
            self.fenced.add(slot.worker.name)
            self.launch(slot)
            self.recovered("SIGSTOP", began, before, counts=False)

    def replace(self, slot: Slot, suspended: bool) -> None:
        """A second worker in the slot; the first one, awake or suspended meanwhile, must end and say why."""
        old = slot.worker
        self.disturb(0.15)
        if suspended:
            old.send(signal.SIGSTOP)
        before, began = self.monitor.look(), time.monotonic()
        self.launch(slot)
        # The first may only be missed once the second works.
        slot.worker.await_log("worker starts")
        if suspended:
            self.recovered("zombie", began, before, counts=False)
            self.has_zombies = True
            old.send(signal.SIGCONT)
        until(lambda: self.check_workers() or not old.is_running, 60, f"{old.name} to end, as its slot has been taken")
        code = old.process.returncode
        assert code == 4 or suspended and self.was_replaced(old), f"{old.name} ended with {code}:\n{old.stderr[-3000:]}"
        self.fenced.add(old.name)
        if not suspended:
            self.recovered("one slot twice", began, before, counts=False)

    # The end

    def finish(self, reference: bool = True) -> Report:
        """Lets the load come to its end, then checks everything; fails with what was found."""
        self.feeder.finishing.set()
        self.feeder.join(60)
        if self.feeder.failure is not None:
            raise self.feeder.failure
        self.await_end()
        self._descriptors()
        for slot in self.slots:
            code = slot.worker.drain()
            if code != 0:
                self.problems.append(f"{slot.worker.name} ended with {code}")
        self.monitor.ended.set()
        self.monitor.join(30)
        self.ended.set()
        return self.examine(reference)

    def _descriptors(self) -> None:
        for slot in self.slots:
            worker = slot.worker
            now = len(os.listdir(f"/proc/{worker.process.pid}/fd")) if worker.is_running else 0
            if slot.descriptors and now > slot.descriptors + MORE_DESCRIPTORS:
                self.problems.append(f"I8: {worker.name} had {slot.descriptors} descriptors when it began and has {now} now")

    def examine(self, reference: bool = True) -> Report:
        """The independent check: I1 to I6, I8, I10."""
        report = self.report
        self._hanging(min(25, self.patience))
        check = Check(self.deployment)
        outcome = check.run(self.feeder.records)
        self.problems += self.monitor.problems
        self._offsets()
        self._logs()
        if reference:
            self._reference(outcome)
        report.events = len(self.feeder.records)
        everything = len(read_topic(self.deployment.cluster.address, self.deployment.tagged, committed_only=False))
        report.aborted_rows = everything - len(outcome.tagged)
        report.lost = sum("is lost" in problem for problem in outcome.problems)
        report.duplicated = sum("twice" in problem or "several" in problem for problem in outcome.problems)
        report.out_of_order = sum("stands behind" in problem for problem in outcome.problems)
        if self.deployment.coordinator is not None:
            known = self.deployment.coordinator.coordination
            report.refused, report.unstable, report.fenced = sum(known.refused.values()), known.unstable, known.fenced
        # What is said of the whole stands before what is said of single records.
        report.problems = self.problems + outcome.problems
        report.seconds = time.monotonic() - self.began
        REPORTS.append(report)
        shown = "\n".join(report.problems[:20])
        assert not report.problems, f"seed {report.seed}: {len(report.problems)} problems:\n{shown}"
        return report

    def _ends(self, level: str) -> dict:
        """Where every output partition ends for readers of a level."""
        topics = [self.deployment.tagged, self.deployment.matches, self.deployment.dead_letters]
        client = Consumer({"bootstrap.servers": self.deployment.cluster.address, "group.id": f"{self.deployment.tag}-{level}",
                           "isolation.level": level, "log_level": 0})
        try:
            return {(topic, partition): client.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
                    for topic in topics for partition in client.list_topics(topic, timeout=10).topics[topic].partitions}
        finally:
            client.close()

    def has_open_transactions(self) -> bool:
        """Whether there is something that readers of committed records have to wait for, now."""
        return self._ends("read_committed") != self._ends("read_uncommitted")

    def has_hanging_transaction(self) -> bool:
        """Whether some transaction has stayed open for much longer than those of a campaign last."""
        before = self._ends("read_committed")
        time.sleep(1.5)
        after, high = self._ends("read_committed"), self._ends("read_uncommitted")
        return any(before[place] == after[place] < end for place, end in high.items())

    def _hanging(self, seconds: float) -> None:
        """I5: within a transaction's time the last stable offset is the high watermark of every output partition."""
        try:
            until(lambda: not self.has_open_transactions(), seconds, "open transactions to end", every=0.5)
        except TimeoutError:
            stable, high = self._ends("read_committed"), self._ends("read_uncommitted")
            hanging = [f"{topic}/{partition}: {stable[topic, partition]} of {end}" for (topic, partition), end in high.items()
                       if stable[topic, partition] != end]
            self.problems.append(f"I5: transactions hang: {', '.join(hanging)}")

    def _offsets(self) -> None:
        """I6: what is committed is one behind the last record; Kafka tells of it a moment after it has answered the commit."""

        def wrong() -> list[str]:
            committed = self.deployment.committed()
            return [f"I6: partition {partition} is committed up to {committed.get(partition)}, its input ends at {end}"
                    for partition, end in self.feeder.ends.items() if end and committed.get(partition, 0) != end]

        try:
            until(lambda: not wrong(), 5, "the last offsets")
        except TimeoutError:
            self.problems += wrong()

    def _logs(self) -> None:
        """I10: no worker said "error" but those that were to end."""
        for worker in self.deployment.workers:
            if worker.name in self.fenced:
                continue
            for line in worker.logs():
                if line["level"] == "error":
                    self.problems.append(f"I10: {worker.name}: {line}")

    def _reference(self, outcome) -> None:
        """I4: the outputs are, byte for byte, those of one lane that nothing happened to, of the build without failpoints."""
        folder = self.deployment.folder / "reference"
        folder.mkdir()
        plain = deployments.Deployment(self.deployment.cluster, folder, self.deployment.partitions)
        plain.create_topics()
        plain.raw, plain.catalogue = self.deployment.raw, self.deployment.catalogue
        kafka = {"message.max.bytes": MESSAGE_BYTES}
        config = plain.write_config("reference.json", None, kafka=kafka, transaction={"max_records": 5000, "max_ms": 200})
        plain.run_to_end(config=config, seconds=120)
        address = self.deployment.cluster.address
        for what, mine, topic in (("rows", outcome.tagged, plain.tagged), ("matches", outcome.matches, plain.matches),
                                  ("dead letters", [letter for letters in outcome.dead.values() for letter in letters], plain.dead_letters)):
            found, wanted = by_source(mine), by_source(read_topic(address, topic))
            different = [source for source in found.keys() | wanted.keys() if found.get(source) != wanted.get(source)]
            if different:
                self.problems.append(f"I4: {len(different)} {what} are others than those of the reference, the first of {min(different)}")
        plain.stop()


def by_source(reads: list[Read]) -> dict[str, list[tuple]]:
    """What was written of every input record, in order."""
    found: dict[str, list[tuple]] = collections.defaultdict(list)
    for read in reads:
        source = read.header("tagstream-source") or b"%b/%b/%b" % tuple(read.header(f"dlq_{n}") or b"" for n in ("topic", "partition", "offset"))
        if source == b"//":
            source = checker.json.loads(read.value)["source"].encode()
        found[source.decode()].append((read.key, read.value, tuple(read.headers)))
    return found
