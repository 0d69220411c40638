"""A deployment of Tagstream under test: topics, group and ids of its own, and the commands that work on them."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import uuid

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from waiting import until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "Examples"
#: Six seconds are the least that a real broker takes; noida-db's sessions never expire. And it takes offsets of any generation, where no
#: proxy stands before it (`generations.py`): a member has to hear of a rebalance well before that ends without it, or two have the same
#: partitions for a moment, which no Kafka allows.
MEMBERSHIP = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}


def binary() -> pathlib.Path:
    """The executable: TAGSTREAM_BINARY, or what `swift build` has left behind."""
    given = os.environ.get("TAGSTREAM_BINARY")
    candidates = [pathlib.Path(given)] if given else [
        REPOSITORY / ".build" / kind / "tagstream" for kind in ("release", "debug")
    ]
    for candidate in candidates:
        if candidate.exists():
            return candidate.resolve()
    raise FileNotFoundError(f"no executable at {' or '.join(map(str, candidates))}: swift build -c release, or set TAGSTREAM_BINARY")


def environment() -> dict[str, str]:
    """This process's environment without what would configure Tagstream behind a test's back."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")}


def tagstream(*arguments: object, timeout: float = 60, input: bytes | None = None, cwd: pathlib.Path | None = None,
              env: dict[str, str] | None = None) -> subprocess.CompletedProcess:
    """Runs a command to its end; a command that hangs fails the test."""
    return subprocess.run(
        [str(binary()), *map(str, arguments)],
        capture_output=True,
        timeout=timeout,
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        cwd=cwd or REPOSITORY,
        env=environment() | (env or {}),
    )


class RunningWorker:
    """A `tagstream run` in the background, with its output in files."""

    def __init__(self, arguments: list[str], folder: pathlib.Path, name: str, program: pathlib.Path | None = None,
                 env: dict[str, str] | None = None):
        self.name = name
        self.out_path = folder / f"{name}.out"
        self.err_path = folder / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                [str(program or binary()), "run", *arguments],
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
                cwd=REPOSITORY,
                env=environment() | (env or {}),
                start_new_session=True,
            )

    @property
    def stderr(self) -> str:
        return self.err_path.read_text(errors="replace")

    @property
    def stdout(self) -> str:
        return self.out_path.read_text(errors="replace")

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def logs(self) -> list[dict]:
        """The log lines of a worker that was started with --json."""
        return [json.loads(line) for line in self.stderr.splitlines() if line.startswith("{") and line.endswith("}")]

    def said(self, message: str) -> list[dict]:
        """The log lines with this message."""
        return [line for line in self.logs() if line.get("message") == message]

    def await_log(self, message: str, seconds: float = 30, count: int = 1) -> dict:
        """Waits until the worker has said something so many times."""

        def look() -> list[dict]:
            lines = self.said(message)
            if len(lines) < count and not self.is_running:
                raise AssertionError(f"{self.name} ended with {self.process.returncode} before it said {message!r}:\n{self.stderr}")
            return lines if len(lines) >= count else []

        return until(look, seconds, f"{self.name} to say {message!r}")[-1]

    @property
    def partitions(self) -> int:
        """How many partitions its lanes have, by what each of them said last."""
        return sum({line["lane"]: int(line["partitions"]) for line in self.said("assignment changed")}.values())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9; returns once the process is gone."""
        self.process.kill()
        self.process.wait(30)

    def wait(self, seconds: float = 60) -> int:
        """The exit code; a worker that does not end in time fails the test with what it said."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            text = self.stderr
            self.kill()
            raise AssertionError(f"{self.name} did not end within {seconds} s:\n{text[-4000:]}") from None

    def drain(self, seconds: float = 30) -> int:
        """SIGTERM, and the exit code; not before the worker has said that it starts, because until then the signal just ends it."""
        if self.is_running:
            self.await_log("worker starts")
            self.send(signal.SIGTERM)
        return self.wait(seconds)

    def summary(self) -> dict:
        """The object that --json prints in the end."""
        return json.loads(self.stdout.strip().splitlines()[-1])


class Deployment:
    """Topics, a group and transactional ids that nobody else uses, on the cluster of the module."""

    def __init__(self, cluster, folder: pathlib.Path, partitions: int = 3, brokers: str | None = None):
        self.cluster = cluster
        #: Where workers and commands find the cluster: a proxy before it, it may be.
        self.brokers = brokers or cluster.address
        self.folder = folder
        self.partitions = partitions
        self.tag = "e2e-" + uuid.uuid4().hex[:10]
        self.raw = f"{self.tag}-raw"
        self.tagged = f"{self.tag}-tagged"
        self.matches = f"{self.tag}-matches"
        self.dead_letters = f"{self.tag}-dead"
        self.warnings = f"{self.tag}-warnings"
        self.catalogue = f"{self.tag}-catalogue"
        self.changelog = f"{self.tag}-dedup"
        self.workers: list[RunningWorker] = []
        #: Another executable for the workers than the one under test.
        self.program: pathlib.Path | None = None
        self.admin = AdminClient({"bootstrap.servers": cluster.address, "log_level": 0})
        self.config = self.write_config("tagstream.json")

    # Settings and commands

    def settings(self, static: str | None = None, **more: object) -> dict:
        """The configuration file's content; `more` replaces whole sections."""
        settings: dict = {
            "brokers": self.brokers,
            "application": self.tag,
            "group": self.tag,
            "input": {"topics": [self.raw], "from": "earliest"},
            "output": {"tagged": self.tagged, "matches": self.matches, "dead_letters": self.dead_letters,
                       "warnings": self.warnings},
            "catalogue": {"topic": self.catalogue},
            "dedup": {"topic": self.changelog},
            "crash_journal": str(self.folder / "journal"),
            "kafka": MEMBERSHIP,
        }
        if static is not None:
            settings["input"]["static_member"] = static
        return settings | more

    def write_config(self, name: str, static: str | None = None, **more: object) -> pathlib.Path:
        """Writes a configuration file beside the test."""
        path = self.folder / name
        path.write_text(json.dumps(self.settings(static, **more)))
        return path

    def command(self, *words: object, **more) -> subprocess.CompletedProcess:
        """Runs a command of the cluster with this deployment's configuration."""
        return tagstream(*words, "--config", self.config, **more)

    def create_topics(self, *arguments: object) -> subprocess.CompletedProcess:
        """`tagstream topics create`, which must succeed."""
        done = self.command("topics", "create", "--partitions", self.partitions, *arguments)
        assert done.returncode == 0, done.stderr.decode()
        return done

    def apply(self, definitions: dict | list | pathlib.Path, *arguments: object) -> subprocess.CompletedProcess:
        """`tagstream apply`, which must succeed."""
        path = definitions
        if not isinstance(definitions, pathlib.Path):
            path = self.folder / f"definitions-{uuid.uuid4().hex[:6]}.json"
            path.write_text(json.dumps(definitions))
        done = self.command("apply", "-f", path, *arguments)
        assert done.returncode == 0, done.stderr.decode()
        if not self.cluster.is_ours:
            self.ends(self.catalogue)
        return done

    def worker(self, *arguments: object, slot: int = 0, lanes: int = 1, static: str | None = None, config: pathlib.Path | None = None,
               env: dict[str, str] | None = None, **more: object) -> RunningWorker:
        """Starts a worker; `more` are sections of the configuration."""
        number = len(self.workers)
        path = config or self.write_config(f"worker-{number}.json", static, **more)
        words = ["--config", path, "--slot", slot, "--lanes", lanes, "--json", *arguments]
        worker = RunningWorker([str(word) for word in words], self.folder, f"worker-{number}", self.program, env)
        self.workers.append(worker)
        return worker

    def settle(self, *workers: RunningWorker, seconds: float = 60) -> None:
        """Waits until these workers, and each of them, share all partitions.

        What is fed before that, the small broker may have done twice: while a group rebalances it gives a partition to two members, and
        takes the offsets of both (Tests/Proof/README.md).
        """

        def look() -> bool:
            for worker in workers:
                assert worker.is_running, f"{worker.name} ended with {worker.process.returncode}:\n{worker.stderr}"
            shares = [worker.partitions for worker in workers]
            return all(shares) and sum(shares) == self.partitions

        until(look, seconds, f"{', '.join(worker.name for worker in workers)} to share {self.partitions} partitions")

    def run_to_end(self, *arguments: object, seconds: float = 60, **more) -> dict:
        """Runs a worker to the end of the input; its summary."""
        worker = self.worker("--exit-at-end", *arguments, **more)
        code = worker.wait(seconds)
        assert code == 0, worker.stderr
        return worker.summary()

    def stop(self) -> None:
        """Ends every worker that is still there; on a given cluster its topics go as well."""
        for worker in self.workers:
            if worker.is_running:
                worker.send(signal.SIGCONT)
                worker.kill()
        if not self.cluster.is_ours:
            # Best effort: who may not delete topics can test all the same, and a cluster that is gone is told elsewhere.
            with contextlib.suppress(KafkaException):
                mine = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self.tag)]
                concurrent.futures.wait(self.admin.delete_topics(mine).values() if mine else [], timeout=30)

    # Kafka

    def create_topic(self, name: str, partitions: int, **config: str) -> None:
        """Creates a topic without Tagstream."""
        for future in self.admin.create_topics([NewTopic(name, partitions, -1, config=config)]).values():
            future.result(30)
        self.await_topic(name, partitions)

    def await_topic(self, name: str, partitions: int) -> None:
        """Waits until the cluster tells of a topic."""

        def look() -> bool:
            topic = self.admin.list_topics(timeout=10).topics.get(name)
            return topic is not None and topic.error is None and len(topic.partitions) == partitions

        until(look, 20, f"topic {name}")

    def producer(self, **more: object) -> Producer:
        """A producer that keeps the order and sends large records as well."""
        return Producer({"bootstrap.servers": self.cluster.address, "enable.idempotence": True, "linger.ms": 2,
                         "message.max.bytes": 8_000_000, "log_level": 0} | more)

    def feed(self, records, producer: Producer | None = None, topic: str | None = None, seconds: float = 60) -> None:
        """Writes records to the input, spread over its partitions in turn, and waits until all of them are there.

        Each record learns its `partition` and `offset`.
        """
        producer = producer or self.producer()
        failures: list[KafkaError] = []

        def report(record):
            def delivered(error, message):
                if error is not None:
                    failures.append(error)
                else:
                    record.partition, record.offset = message.partition(), message.offset()

            return delivered

        for number, record in enumerate(records):
            if record.partition is None:
                record.partition = number % self.partitions
            producer.produce(topic or self.raw, value=record.value, key=record.key, partition=record.partition,
                             headers=record.headers, on_delivery=report(record),
                             **({"timestamp": record.timestamp} if record.timestamp else {}))
            producer.poll(0)
        left = producer.flush(seconds)
        assert not failures and left == 0, f"the input could not be written: {failures[:3]}, {left} left"

    def ends(self, topic: str) -> dict[int, int]:
        """Where every partition ends, once no transaction is open there.

        Kafka answers that a transaction is committed before all partitions know.
        """
        stable, high = (Consumer({"bootstrap.servers": self.cluster.address, "group.id": f"{self.tag}-ends", "log_level": 0,
                                  "isolation.level": level}) for level in ("read_committed", "read_uncommitted"))

        def look() -> dict[int, int] | None:
            found = [{number: client.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1] for number in partitions}
                     for client in (high, stable)]
            return found[0] if found[0] == found[1] else None

        try:
            partitions = stable.list_topics(topic, timeout=10).topics[topic].partitions
            return until(look, 30, f"the transactions of {topic} to end")
        finally:
            stable.close()
            high.close()

    def committed(self) -> dict[int, int]:
        """What the consumer group has committed, of every partition with a commit."""
        request = ConsumerGroupTopicPartitions(self.tag, [TopicPartition(self.raw, number) for number in range(self.partitions)])
        answer = self.admin.list_consumer_group_offsets([request])[self.tag].result(20)
        return {found.partition: found.offset for found in answer.topic_partitions if found.offset >= 0}

    def await_committed(self, count: int, seconds: float = 60, worker: RunningWorker | None = None) -> int:
        """Waits until the group has committed at least so many records; without transactions in the input, offsets count them."""

        def look() -> int:
            if worker is not None and not worker.is_running:
                raise AssertionError(f"{worker.name} ended with {worker.process.returncode}:\n{worker.stderr}")
            total = sum(self.committed().values())
            return total if total >= count else 0

        if count == 0:
            return 0
        return until(look, seconds, f"{count} committed records")
