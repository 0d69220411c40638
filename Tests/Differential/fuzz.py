"""Asks the binary and the model the same questions: `python fuzz.py --count 200000 --seed 7`.

Events are built from a seed: valid ones in every form, odd ones, and ones whose bytes have been damaged. The verdict on each
(tagged, ignored, dead letter and why) and every row have to be the same. What differs is printed and kept in a file.
"""

import argparse
import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import events_model as model

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAY = 86_400
TEAMS = {
    "phc_one": model.Team(1),
    "phc_two": model.Team(2, oldest=30 * DAY, group_types={"company": 0, "project": 3, "\u00e9": 1}),
    "phc_\u00fcml\"aut": model.Team(3, group_types={"company": 4}),
}
ACTIONS = {
    "teams": [
        {"id": team.number, "api_token": token,
         "settings": {"drop_events_older_than_seconds": team.oldest, "group_types": team.group_types}}
        for token, team in TEAMS.items()
    ],
    "actions": [
        {"id": 5, "team_id": 1, "name": "All", "steps": [{"event": None}]},
        {"id": 7, "team_id": 2, "name": "Views", "steps": [{"event": "$pageview"}]},
        # What these match is not compared; they make the binary look at every part of an event.
        {"id": 8, "team_id": 1, "name": "Elements", "steps": [{"selector": "div > a.btn:nth-child(2)", "text": "Buy"}]},
        {"id": 9, "team_id": 1, "name": "Links", "steps": [{"href": "/a.*b$", "href_matching": "regex"}]},
        {"id": 10, "team_id": 2, "name": "Properties", "steps": [{"properties": [
            {"key": "plan", "type": "person", "value": "1", "operator": "gt"},
            {"key": "$current_url", "type": "event", "value": "a", "operator": "icontains"},
        ]}]},
    ],
}


def binary():
    given = os.environ.get("TAGSTREAM_BINARY")
    candidates = [pathlib.Path(given)] if given else [ROOT / ".build" / mode / "tagstream" for mode in ("release", "debug")]
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    raise SystemExit("no binary: build one with `swift build --product tagstream`, or set TAGSTREAM_BINARY")


# Generating


class Generator:
    """Events from a random number generator: the same seed gives the same events."""

    KEYS = [
        "$ip", "$set", "$set_once", "$unset", "$sent_at", "$session_id", "$process_person_profile", "$ignore_sent_at", "token",
        "$elements_chain", "$group_0", "$group_4", "$group_5", "$current_url", "plan", "a", "b", "", "a.b", "__proto__",
        "\u00e9", "\U0001f600", "k\"ey", "back\\slash", "tab\t", "nul\0", "$elements", "$verified", "$groups", "$group_key",
        "$anon_distinct_id", "alias", "$$client_ingestion_warning_message",
    ]
    TOP = [
        "uuid", "event", "distinct_id", "$distinct_id", "properties", "timestamp", "sent_at", "now", "offset", "ip", "token", "$token",
        "api_key", "$set",
        "$set_once", "$unset", "person_id", "person_properties", "elements_chain", "historical_migration", "data",
        "group0_properties", "group4_properties", "group5_properties", "unknown", "abcdefghijklmnops", "is_cookieless_mode",
    ]
    NAMES = [
        "$pageview", "$autocapture", "$identify", "$create_alias", "$merge_dangerously", "$groupidentify", "$performance_event",
        "$$client_ingestion_warning", "signed up", "caf\u00e9", "quo\"te", "back\\slash", "\U0001f600" * 101, "x" * 200, "x" * 201,
        "\u00e9" * 150, "line\nbreak", "\0", "\ud800", "",
    ]
    TIMES = [
        "2025-09-01T10:00:00.000Z", "2025-09-01T10:00:02.513884Z", "2025-09-01T12:00:00+03", "2025-09-01 10:00:00", "2025-09-01",
        "2025/09/01", "2025/9/1 10:11", "Mon, 01 Sep 2025 10:00:00 GMT", "1 Sep 2025 10:00:00 +0200", "1756720800",
        "1756720800123", "1756720800.5", "-62167219200", "0000-01-01T00:00:00Z", "0000-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-01:00", "2024-02-29T23:59:60Z", "2025-02-29", "now", "", " ",
        "2025-09-01T25:00:00Z", "99999999999999999999", "253402300799999", "2025-09-03T10:00:00Z", "\u0662\u0660\u0662\u0665",
    ]
    IDS = [
        "u_43", "anonymous", "Guest", "distinct_id", "null", "Null", "0", "[object Object]", "NaN", "\"none\"", "'undefined'", "", " \t",
        "id", "ID ", "e\u00e9", "'", "''",
    ]
    NUMBERS = [
        "0", "-0", "1", "-1", "1203", "1.5", "1e5", "1E+5", "1e-7", "9223372036854775808", "0.1", "1e308", "1e309", "-1e999",
        "1" + "0" * 308, "1" + "0" * 309, "0." + "0" * 320 + "1", "123456789012345678901234567890", "8796093022208",
        "8796093022209", "1203.99999999999999999999",
    ]

    def __init__(self, seed, samples):
        self.random = random.Random(seed)
        self.samples = samples

    def maybe(self, chance):
        return self.random.random() < chance

    def characters(self):
        pick = self.random.random()
        if pick < 0.5:
            alphabet = "abcXYZ019 _-$./:"
        elif pick < 0.8:
            alphabet = "ab\"\\/\b\f\n\r\t\0\x1f\x7f{}[],:'"
        else:
            alphabet = "\u00e9\u4e2d\U0001f600\ufeff\u2028\ufffd\ud800\udc00\udbff\u00a0a"
        return "".join(self.random.choice(alphabet) for _ in range(self.random.randrange(0, 12)))

    def number(self):
        if self.maybe(0.5):
            return model.Number(self.random.choice(self.NUMBERS))
        return model.Number(str(self.random.randrange(-10_000, 10_000)))

    def value(self, depth=0):
        pick = self.random.random()
        if pick < 0.35:
            return self.characters()
        if pick < 0.5:
            return self.number()
        if pick < 0.65:
            return self.random.choice([None, True, False])
        if depth > 3:
            return "deep"
        if pick < 0.8:
            return [self.value(depth + 1) for _ in range(self.random.randrange(0, 4))]
        return self.object(depth + 1)

    def object(self, depth=0, keys=None):
        """An object as pairs, so that keys may come twice."""
        keys = keys or self.KEYS
        return Pairs(
            (self.random.choice(keys) if self.maybe(0.8) else self.characters(), self.value(depth + 1))
            for _ in range(self.random.randrange(0, 6))
        )

    def uuid(self):
        digits = "".join(self.random.choice("0123456789abcdefABCDEF" if self.maybe(0.2) else "0123456789abcdef") for _ in range(32))
        text = "-".join([digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]])
        if self.maybe(0.1):
            text = self.random.choice(["", text[:-1], text + "0", text.replace("-", "_"), "g" + text[1:], "{" + text[1:], text[:35] + "\u00e9"])
        return text

    def field(self, name):
        """A likely value of a field, or now and then any value."""
        if self.maybe(0.04):
            return self.value()
        pick = self.random
        if name == "uuid":
            return self.uuid() if self.maybe(0.9) else None
        if name == "event":
            if self.maybe(0.5):
                return "$pageview"
            if self.maybe(0.2):
                return pick.choice(["$identify", "$create_alias", "$merge_dangerously", "$groupidentify"])
            return pick.choice(self.NAMES) if self.maybe(0.9) else self.value()
        if name in ("distinct_id", "$distinct_id"):
            if self.maybe(0.7):
                return pick.choice(["u_42", "u_\u00e9", "x" * 36])
            return pick.choice([" padded ", "", " ", "\t", "nul\0", "x" * 400, "x" * 401, "\U0001f600" * 200, "\U0001f600" * 201,
                                "\u00e9" * 400, "qu\"ote", "\u00a0", model.Number("42"), True, self.value()])
        if name in ("properties", "$set", "$set_once", "person_properties", "group0_properties", "group4_properties", "group5_properties"):
            return self.properties() if name == "properties" else (self.object() if self.maybe(0.95) else None)
        if name in ("timestamp", "sent_at", "now"):
            return self.time() if self.maybe(0.9) else self.number()
        if name == "offset":
            return self.number() if self.maybe(0.8) else pick.choice(["1203", "-5", "1.5", "1.", "x", "", "007"])
        if name == "ip":
            return pick.choice(["203.0.113.7", "", None, "2001:db8::1", "q\"\\", "\u00e9"])
        if name in ("token", "$token", "api_key"):
            return pick.choice([*TEAMS, "phc_one", "phc_one", "phc_one", "phc_none" if self.maybe(0.3) else "phc_two"])
        if name == "$unset":
            return pick.choice([["a", "b"], [], "a", None, self.object(), "[\"a\"]", "[1", "{}"])
        if name == "person_id":
            return pick.choice([self.uuid(), "", None, "p\"1", "p" * 5000])
        if name == "elements_chain":
            return pick.choice(["a:text=\"Buy\"nth-child=\"1\"", "", "a;b"])
        if name == "historical_migration":
            return pick.choice([True, False, None, "true"])
        return self.value()

    def time(self):
        """A timestamp in one of the accepted forms, now and then with a few characters changed."""
        text = self.random.choice(self.TIMES)
        while self.maybe(0.3):
            place = self.random.randrange(len(text) + 1)
            width = self.random.choice([0, 0, 1, 1, 1, 2])
            text = text[:place] + self.random.choice(["", *"0123456789-/:.,TtZz +GMTSepJan\t"]) + text[place + width :]
        return text

    def properties(self):
        result = self.object()
        for name in [*self.KEYS[:11], *self.KEYS[-6:]]:
            if self.maybe(0.08):
                result.append((name, self.property(name)))
        if self.maybe(0.01):
            result.extend((f"k{number}", None) for number in range(self.random.choice([4000, 4080, 4095, 4096, 4200])))
        if self.maybe(0.03):
            result.append(("$elements", self.elements()))
        if self.maybe(0.01):
            result.append(("x" * self.random.choice([1023, 1024, 1025, 5000]), True))
        if self.maybe(0.02):
            nested = []
            for _ in range(self.random.choice([50, 59, 60, 61, 62, 63, 64, 65, 80])):
                nested = [nested] if self.maybe(0.5) else Pairs([("n", nested)])
            result.append(("deep", nested))
        return result

    def property(self, name):
        if name in ("$set", "$set_once"):
            return self.object() if self.maybe(0.9) else self.value()
        if name == "$session_id":
            return self.uuid()
        if name in ("$process_person_profile", "$ignore_sent_at"):
            return self.random.choice([True, False, False, None, "false"])
        if name == "token":
            return "phc_two"
        if name == "$unset":
            return ["a"]
        if name == "$elements_chain":
            return self.chain() if self.maybe(0.9) else self.long_chain()
        if name in ("$anon_distinct_id", "alias"):
            return self.random.choice(self.IDS) if self.maybe(0.85) else self.value()
        if name == "$group_key":
            return "k" * self.random.choice([1, 399, 400, 401]) if self.maybe(0.6) else self.value()
        if name == "$groups":
            return self.object(2, ["company", "project", "\u00e9", "other"]) if self.maybe(0.9) else self.value()
        return self.value()

    def long_chain(self):
        """A chain of about as many elements as are kept."""
        element = self.random.choice(["a", "", "div.b:", "a:text=\"x;y\"", "b.c:attr__id=\"q\\\"\"nth-child=\"1\""])
        return (element + ";") * self.random.choice([510, 511, 512, 600]) + self.random.choice(["", "a", ";"])

    def chain(self):
        """The text of an elements chain, with what may be wrong in it."""
        parts = ["a", "div", ".btn", ".a.b", ":", ";", "text=\"Buy\"", "nth-child=\"2\"", "attr__class=\"a b\"", "href=\"/a?b\"",
                 "attr_id=\"x\"", "\"", "\\\"", "=", "\u00e9", "\n", "nth-child=\"99999999999999999999\"", "attr__x=", ".", "\0"]
        return "".join(self.random.choice(parts) for _ in range(self.random.randrange(0, 30))) * self.random.choice([1, 1, 1, 50])

    def elements(self):
        """A list of elements as older SDKs send them."""
        keys = ["tag_name", "$el_text", "text", "href", "attr__href", "attr__class", "attr_class", "attr_id", "attr__id", "nth_child",
                "nth_of_type", "order", "attributes", "classes", "attr__data-x"]
        return [
            Pairs((self.random.choice(keys), self.random.choice(["a", "div", "btn big", ["a", "b"], model.Number("2"), self.value()]))
                  for _ in range(self.random.randrange(0, 6)))
            for _ in range(self.random.choice([0, 1, 2, 5, 520]))
        ]

    def event(self, names):
        return Pairs((name, self.field(name)) for name in names)

    def form(self):
        pick = self.random.random()
        required = ["event", "distinct_id", "token"]
        optional = lambda names, chance: [name for name in names if self.maybe(chance)]
        if pick < 0.15 and self.samples:
            return self.random.choice(self.samples)
        if pick < 0.6:
            inner = self.event(optional(required, 0.9) + optional(["properties"], 0.95) + optional(self.TOP, 0.12))
            outer = self.event(
                optional(["uuid", "event", "distinct_id", "token", "now"], 0.9)
                + optional(["ip", "sent_at", "timestamp", "offset"], 0.6)
                + optional([name for name in self.TOP if name not in ("data", "properties")], 0.03)
            )
            data = self.write(inner)
            if self.maybe(0.02):
                data = self.random.choice(["", "null", "[]", "{}", " {} ", "{", "text", data + "x", data + "\n", "\ufeff" + data])
            outer.append(("data", data))
            if self.maybe(0.02):
                outer.append(("properties", self.random.choice([None, "", "null", self.object(), "{}"])))
        else:
            outer = self.event(optional(required, 0.96) + optional(["properties"], 0.9) + optional(self.TOP, 0.12))
            if pick > 0.85:
                # A stored row: its objects are texts.
                texts = ("properties", "person_properties", "group0_properties", "group4_properties", "$set")
                outer = Pairs(
                    (name, self.write(value) if name in texts and self.maybe(0.95) else value) for name, value in outer
                )
        if self.maybe(0.3):
            self.random.shuffle(outer)
        return self.write(outer).encode("utf-8", "surrogatepass" if self.maybe(0.02) else "replace")

    # Writing JSON as odd writers do

    def blank(self, style):
        return self.random.choice([" ", "  ", "\t", "\r"]) if style["blanks"] and self.maybe(0.3) else ""

    def write(self, value):
        style = {
            "blanks": self.maybe(0.15),
            "ascii": self.maybe(0.3),
            "slash": self.maybe(0.1),
            "free": self.maybe(0.1),
        }
        return self.text(value, style)

    def text(self, value, style):
        blank = lambda: self.blank(style)
        if isinstance(value, model.Number):
            return str(value)
        if isinstance(value, str):
            return self.string(value, style)
        if value is None or value is True or value is False:
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, Pairs):
            inner = ",".join(
                blank() + self.string(key, style) + blank() + ":" + blank() + self.text(item, style) + blank() for key, item in value
            )
            return "{" + inner + (blank() if not value else "") + "}"
        return "[" + ",".join(blank() + self.text(item, style) + blank() for item in value) + "]"

    def string(self, text, style):
        out = []
        for character in text:
            code = ord(character)
            short = {"\"": "\\\"", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
            if style["free"] and len(text) < 50 and self.maybe(0.1) and code < 0x10000:
                out.append(f"\\u{code:04x}" if self.maybe(0.5) else f"\\u{code:04X}")
            elif character in short:
                out.append(short[character])
            elif character == "/" and style["slash"]:
                out.append("\\/")
            elif code < 0x20 or 0xD800 <= code < 0xE000:
                out.append(f"\\u{code:04x}")
            elif style["ascii"] and code > 0x7E:
                if code > 0xFFFF:
                    code -= 0x10000
                    out.append(f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}")
                else:
                    out.append(f"\\u{code:04x}")
            else:
                out.append(character)
        return "\"" + "".join(out) + "\""

    # Damaging

    FRAGMENTS = [
        b"\\", b"\"", b"{", b"}", b"[", b"]", b",", b":", b"\\u", b"\\ud800", b"\\\\ud800", b"\\u0000", b"\\u0022", b"\\\\u0022",
        b"\\n", b"\\\\n", b"\\\\\\\"", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\x00", b"\x1f",
        b"\x7f", b"NaN", b"Infinity", b"-", b"1e999", b"01", b"1.", b".5", b"tru", b"null", b"nul", b"//", b"'", b" ", b"\t",
    ]

    def damage(self, record):
        record = bytearray(record)
        for _ in range(self.random.choice([1, 1, 1, 2, 4])):
            place = self.random.randrange(len(record) + 1) if record else 0
            pick = self.random.random()
            if pick < 0.25 and place < len(record):
                record[place] ^= 1 << self.random.randrange(8)
            elif pick < 0.35 and place < len(record):
                record[place] = self.random.randrange(256)
            elif pick < 0.5:
                del record[place : place + self.random.choice([1, 1, 2, 8])]
            elif pick < 0.6:
                del record[place:]
            elif pick < 0.7:
                record[place:place] = record[place : place + self.random.randrange(1, 40)]
            else:
                record[place:place] = self.random.choice(self.FRAGMENTS)
        return bytes(record)

    def record(self):
        record = self.form()
        if self.maybe(0.25):
            record = self.damage(record)
        # The file is one of lines: a line feed would end the event, and a blank line is none.
        record = record.replace(b"\n", b" ")
        return record if any(byte > 0x20 for byte in record) else b"{}"

    def headers(self):
        """Headers as a gateway writes them: some of them null, some of nobody's."""
        headers = {}
        if self.maybe(0.3):
            headers["token"] = self.random.choice([*TEAMS, "phc_none", "phc_dropped", "", None])
        if self.maybe(0.3):
            headers["now"] = self.random.choice([self.time(), self.time(), "", None])
        if self.maybe(0.15):
            headers["force_disable_person_processing"] = self.random.choice(["true", "true", "false", "", None])
        if self.maybe(0.15):
            headers["historical_migration"] = self.random.choice(["true", "True", None])
        if self.maybe(0.2):
            headers |= {"session_id": None, "distinct_id": "forged", "uuid": "forged", "event": "forged", "tagstream-source": "x/0/0"}
        if self.maybe(0.005):
            headers |= {f"h{number}": None for number in range(self.random.choice([250, 256, 257, 300]))}
        if self.maybe(0.005):
            headers["long"] = "x" * self.random.choice([65_000, 65_532, 65_533, 70_000])
        return headers

    def whole(self):
        """A record with its headers and Kafka timestamp."""
        timestamp = self.random.choice([-1, 0, 1_756_720_802_950, self.random.randrange(1_756_700_000_000, 1_756_800_000_000), 1 << 60])
        return model.Record(self.record(), self.headers(), timestamp)

    def decided(self, count):
        """So many records that the description decides, each with what it says of it."""
        records, expected, desk = [], [], model.Desk()
        while len(records) < count:
            record = self.whole()
            try:
                expected.append(expect(record, len(records), desk))
            except model.Open:
                continue
            records.append(record)
        return records, expected


class Pairs(list):
    """An object in which keys may come twice."""


# Comparing

DROPPED = {"phc_dropped"}


class Difference:
    def __init__(self, record, expected, actual):
        self.record, self.expected, self.actual = record, expected, actual

    def __str__(self):
        record = self.record
        return (f"record    {record.value!r}\n  headers {record.headers} at {record.timestamp}\n  model   {self.expected}\n"
                f"  binary  {self.actual}")


def expect(record, index, desk):
    return model.outcome(record, index, TEAMS, DROPPED, desk)


def line(record):
    """A line of `tagstream match --records`."""
    fields = {"headers": record.headers, "timestamp": record.timestamp}
    try:
        fields["value"] = record.value.decode("utf-8")
    except UnicodeDecodeError:
        fields["base64"] = base64.b64encode(record.value).decode()
    return json.dumps(fields).encode()


def ask(records, folder):
    """What the binary says of records: dead letters and ignored records by index, the rows of the rest in order, and the warnings."""
    events, actions, letters = folder / "events.jsonl", folder / "actions.json", folder / "dead.jsonl"
    events.write_bytes(b"".join(line(record) + b"\n" for record in records))
    actions.write_text(json.dumps(ACTIONS))
    warnings = folder / "warnings.jsonl"
    drop = [word for token in sorted(DROPPED) for word in ("--drop-token", token)]
    run = subprocess.run(
        [binary(), "match", "--actions", str(actions), "--events", str(events), "--records", "--dead-letters", str(letters), "--keep-ignored",
         "--warnings", str(warnings), *drop],
        capture_output=True,
        check=False,
    )
    if run.returncode in (1, 2):
        raise SystemExit(run.stderr.decode(errors="replace"))
    if run.returncode != 0:
        raise RuntimeError(f"the binary ended with {run.returncode}: {run.stderr[-2000:].decode(errors='replace')}")
    refused = {entry["line"] - 1: entry for entry in map(json.loads, letters.read_text().splitlines())}
    return refused, run.stdout.split(b"\n")[:-1], [model.read_warning(text) for text in warnings.read_bytes().splitlines()]


def compare(records, folder, expected=None):
    """Differences of one file: outcomes with their reasons, rows, and warnings in their order."""
    desk = model.Desk()
    expected = expected or [expect(record, index, desk) for index, record in enumerate(records)]
    try:
        refused, rows, warnings = ask(records, folder)
    except RuntimeError as error:
        if len(records) == 1:
            return [Difference(records[0], vars(expected[0]), str(error))]
        middle = len(records) // 2
        return compare(records[:middle], folder) + compare(records[middle:], folder)
    result = []
    tagged = iter(rows)
    written = {}
    for warning in warnings:
        written.setdefault(int(warning["details"]["source"].rpartition("/")[2]), []).append(warning)
    for index, (record, wanted) in enumerate(zip(records, expected)):
        entry = refused.get(index)
        if entry is not None:
            is_ignored = entry["reason"] == "ignored"
            found = ("ignored", entry["detail"]) if is_ignored else ("dead", entry["reason"])
            agrees = found[0] == wanted.kind and (found[1] in wanted.detail if wanted.kind == "dead" else found[1] == wanted.detail)
            if not agrees:
                result.append(Difference(record, (wanted.kind, wanted.detail), entry))
        else:
            row = next(tagged, None)
            try:
                actual = None if row is None else model.read_row(row)
            except (ValueError, AssertionError, KeyError, TypeError, model.Dead) as error:
                actual = f"{error}: {row[:2000]!r}"
            if wanted.kind != "tagged":
                result.append(Difference(record, (wanted.kind, wanted.detail), actual))
            elif not same(wanted.detail, actual):
                result.append(Difference(record, differing(wanted.detail, actual), actual))
        if wanted.warnings != written.get(index, []):
            result.append(Difference(record, wanted.warnings, written.get(index, [])))
    if next(tagged, None) is not None:
        result.append(Difference(records[-1], "so many rows", "more rows"))
    return result


def same(expected, actual):
    return isinstance(actual, dict) and expected.keys() == actual.keys() and all(expected[key] == actual[key] for key in expected)


def differing(expected, actual):
    if not isinstance(actual, dict):
        return expected
    return {key: (expected.get(key, "absent"), actual.get(key, "absent")) for key in expected.keys() | actual.keys()
            if key not in expected or key not in actual or not expected[key] == actual[key]}


def campaign(seed, count, seconds=None, chunk=2000):
    """Runs generated events through both; returns differences and what was seen."""
    samples = (ROOT / "Examples" / "raw_events.jsonl").read_bytes().splitlines()
    token = json.loads(samples[0])["token"]
    samples = [sample.replace(token.encode(), b"phc_one") for sample in samples]
    generator = Generator(seed, samples)
    seen, differences, done = {}, [], 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        while done < count and (seconds is None or time.monotonic() - began < seconds):
            records, expected = generator.decided(min(chunk, count - done))
            for wanted in expected:
                name = {"tagged": "tagged", "ignored": f"ignored {wanted.detail}"}.get(wanted.kind)
                name = name or f"dead {'|'.join(sorted(wanted.detail))}"
                for one in [name, *(f"warning {warning['type']}" for warning in wanted.warnings)]:
                    seen[one] = seen.get(one, 0) + 1
            differences += compare(records, pathlib.Path(folder), expected)
            done += len(records)
            if len(differences) > 20:
                break
    return done, seen, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--keep", default="differences.txt", help="file for what differs")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    done, seen, differences = campaign(arguments.seed, arguments.count, arguments.seconds)
    for name, count in sorted(seen.items(), key=lambda item: -item[1]):
        print(f"{count:8} {name}")
    print(f"{done} events, {len(differences)} differences")
    if differences:
        pathlib.Path(arguments.keep).write_text("\n\n".join(map(str, differences)))
        for difference in differences[:5]:
            print(str(difference)[:4000])
        sys.exit(1)


if __name__ == "__main__":
    main()
