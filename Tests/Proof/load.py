"""The proof's load: numbered events of mixed sizes, some of them broken, some of them poison, some of them twice.

1 % are invalid, 0.1 % are poison (rows that the client refuses for their size, nesting beyond the limit, numbers beyond a double),
5 % carry the uuid of an earlier event. The same seed gives the same load.
"""

from __future__ import annotations

import json
import random

from feeds import TOKEN, Fed, broken, event, stable_uuid

#: What librdkafka refuses in the workers of a campaign (`message.max.bytes`): small, so that the rows of poison need not be large.
MESSAGE_BYTES = 24_000

#: Bytes added to an event, and how often out of a hundred.
SIZES = [(0, 70), (400, 20), (1500, 9), (8000, 1)]


class Load:
    """An endless stream of records; `take` gives the next ones."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed)
        self.number = 0
        self.poison_share = 0.001
        self.kinds = {"invalid": 0, "poison": 0, "duplicate": 0}

    def take(self, count: int) -> list[Fed]:
        return [self._next() for _ in range(count)]

    def _next(self) -> Fed:
        number = self.number
        self.number += 1
        dice = self.chance.random()
        if dice < self.poison_share:
            self.kinds["poison"] += 1
            return self._poison(number, self.chance.randrange(3))
        size = self.chance.choices([size for size, _ in SIZES], [often for _, often in SIZES])[0]
        record = event(number, self.chance.randrange(size) if size else 0)
        if dice < self.poison_share + 0.01:
            self.kinds["invalid"] += 1
            broken(record, self.chance.randrange(5))
        elif dice < self.poison_share + 0.06 and number > 100:
            # The uuid of an earlier event; without de-duplication both are tagged.
            self.kinds["duplicate"] += 1
            earlier = stable_uuid(number - self.chance.randrange(1, 100))
            record.value = record.value.replace(stable_uuid(number).encode(), earlier.encode())
        return record

    @staticmethod
    def _poison(number: int, kind: int) -> Fed:
        if kind == 0:
            # `$set` goes into two columns: the record fits, its row does not, its dead letter does.
            body = {"token": TOKEN, "event": "ping", "distinct_id": f"poison {number}", "uuid": stable_uuid(number),
                    "properties": {"number": number, "$set": {"bio": "x" * (MESSAGE_BYTES * 3 // 4)}}}
            return Fed(json.dumps(body).encode(), outcome="too_large_for_output", name=f"too large {number}")
        if kind == 1:
            deep = "[" * 80 + "]" * 80
            value = f'{{"token":"{TOKEN}","event":"ping","distinct_id":"deep","properties":{{"number":{number},"deep":{deep}}}}}'
            return Fed(value.encode(), outcome="limit_depth", name=f"deep {number}")
        value = f'{{"token":"{TOKEN}","event":"ping","distinct_id":"huge","properties":{{"number":{number},"huge":1e999}}}}'
        return Fed(value.encode(), outcome=None, name=f"beyond a double {number}")
