"""A slow, obvious model of what becomes of one Kafka record: outcome, row and warnings.

Written from docs/events.md, docs/dead-letters.md and docs/warnings.md, sentence by sentence, with a JSON reader of its own and without
looking for speed. `fuzz.py` asks the binary and this model the same questions. A comment says so where the pages are silent and the
model follows what the product does: there the two agreeing proves that neither changed, not that both are right.

What the model does not know: which actions match, and the text of an elements chain that is built from `$elements`.
"""

import json
import re
import uuid as uuids
from datetime import datetime, timedelta

# docs/events.md, "Limits"
VALUE_BYTES, DEPTH, KEYS, KEY_BYTES, NUMBER_CHARACTERS = 1_048_576, 64, 4096, 1024, 1100
HEADERS, HEADER_BYTES, ELEMENTS, ROW_BYTES = 256, 65_536, 512, 960_000
ID_UNITS, NAME_UNITS, PERSON_ID_BYTES = 400, 200, 200
# docs/warnings.md
TEXT_UNITS, HOUR, SLOTS, KEY_TEXT, WORD = 200, 3_600_000, 4096, 224, (1 << 64) - 1
WARNINGS = [
    "skipping_event_invalid_distinct_id", "group_key_too_long", "invalid_anon_distinct_id", "invalid_alias", "message_size_too_large",
    "event_dropped_too_old", "client_ingestion_warning", "invalid_event_when_process_person_profile_is_false",
    "invalid_process_person_profile", "cannot_merge_with_illegal_distinct_id", "event_uuid_timestamp_divergent",
    "ignored_invalid_timestamp", "duplicate_keys", "elements_truncated",
]
OF_REASON = {
    "distinct_id_too_long": WARNINGS[0], "group_key_too_long": WARNINGS[1], "invalid_anon_distinct_id": WARNINGS[2],
    "invalid_alias": WARNINGS[3], "too_large_for_output": WARNINGS[4], "event_dropped_too_old": WARNINGS[5],
    "client_ingestion_warning": WARNINGS[6], "personless_merge": WARNINGS[7],
}

GROUPS = [f"group{number}_properties" for number in range(5)]
DOCUMENTS = ["$set", "$set_once", "person_properties", *GROUPS]
FIELDS = {
    "event", "distinct_id", "$distinct_id", "uuid", "token", "$token", "api_key", "properties", "timestamp", "now", "sent_at", "offset", "ip",
    "$unset", "person_id", "elements_chain", "historical_migration", "data", *DOCUMENTS,
}
BLANKS = " \t\r\n"
FIRST, LAST = -62_167_219_200_000_000, 253_402_300_800_000_000  # the years 0 to 9999 in microseconds, the end excluded


class Dead(Exception):
    """The record is a dead letter, for one of these reasons: of several faults of its JSON any may be found first."""

    def __init__(self, *reasons):
        super().__init__(reasons)
        self.reasons = set(reasons)


class Ignored(Exception):
    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class Open(Exception):
    """The pages leave it open: such records are not asked about."""


# MARK: JSON


class Number(str):
    """A number by its digits: they have to come out as they went in."""

    def __eq__(self, other):
        return isinstance(other, Number) and str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


class Object(dict):
    """An object; of fields of one name the last counts, and `doubles` are the names of those that do not."""

    doubles: list


class JSONText:
    """The JSON text of a list or an object: any spelling of it will do."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        if not isinstance(other, str):
            return False
        try:
            return read(other) == self.value
        except (ValueError, Dead):
            return units(other) >= NAME_UNITS - 1  # it was cut

    def __repr__(self):
        return f"JSONText({self.value!r})"


class Anything:
    def __eq__(self, other):
        return True

    def __repr__(self):
        return "Anything"


class Counts:
    """What the limits count in all the documents of a record."""

    def __init__(self):
        self.keys = 0
        self.faults = set()


class Malformed(ValueError):
    pass


STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
SPACE = re.compile(r"[ \t\r\n]*")
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescape(written):
    """The text of a string; surrogates of a pair are joined, lone ones become U+FFFD."""
    if "\\" not in written:
        return written
    text = ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else SHORT.get(found[2], found[2]), written)
    text = re.sub("[\ud800-\udbff][\udc00-\udfff]", lambda pair: pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le"), text)
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


class Reader:
    """Reads one document; what the limits refuse is noted, what is not JSON raises Malformed."""

    def __init__(self, text, counts):
        self.text, self.place, self.counts = text, 0, counts

    def blanks(self):
        self.place = SPACE.match(self.text, self.place).end()

    def take(self, pattern):
        found = pattern.match(self.text, self.place)
        if not found:
            raise Malformed(self.place)
        self.place = found.end()
        return found

    def is_next(self, character):
        if self.text.startswith(character, self.place):
            self.place += 1
            return True
        return False

    def document(self, level):
        self.blanks()
        value = self.value(level)
        self.blanks()
        if self.place < len(self.text):
            raise Malformed(self.place)
        return value

    def value(self, level):
        text, place = self.text, self.place
        if text.startswith('"', place):
            return unescape(self.take(STRING)[1])
        if text.startswith(("{", "["), place):
            if level > DEPTH:
                self.counts.faults.add("limit_depth")
            if level > 900:
                raise Malformed(place)
            return self.object(level) if text[place] == "{" else self.list(level)
        for word, value in (("null", None), ("true", True), ("false", False)):
            if text.startswith(word, place):
                self.place += len(word)
                return value
        digits = self.take(NUMBER)[0]
        if len(digits) > NUMBER_CHARACTERS:
            self.counts.faults.add("limit_number")
        # "A number that no double holds becomes a text."
        return digits if float(digits) in (float("inf"), float("-inf")) else Number(digits)

    def list(self, level):
        self.place += 1
        items = []
        self.blanks()
        if self.is_next("]"):
            return items
        while True:
            self.blanks()
            items.append(self.value(level + 1))
            self.blanks()
            if self.is_next("]"):
                return items
            if not self.is_next(","):
                raise Malformed(self.place)

    def object(self, level):
        self.place += 1
        result = Object()
        result.doubles = []
        self.blanks()
        if self.is_next("}"):
            return result
        while True:
            self.blanks()
            key = self.key()
            self.blanks()
            if not self.is_next(":"):
                raise Malformed(self.place)
            self.blanks()
            value = self.value(level + 1)
            if key in result:
                result.doubles.append(key)
            result[key] = value
            self.blanks()
            if self.is_next("}"):
                return result
            if not self.is_next(","):
                raise Malformed(self.place)

    def key(self):
        written = self.take(STRING)[1]
        key = unescape(written)
        if len(key.encode()) > KEY_BYTES:
            self.counts.faults.add("limit_key_length")
        self.counts.keys += 1
        if self.counts.keys > KEYS:
            self.counts.faults.add("limit_keys")
        return key


def read(text, level=1, counts=None):
    return Reader(text, counts or Counts()).document(level)


def is_text(value):
    return isinstance(value, str) and not isinstance(value, Number)


def is_set(value):
    """`null` means there is none."""
    return value is not None


# MARK: Forms


class Event:
    """What a record says, whatever form it had."""

    def __init__(self):
        self.fields, self.properties, self.objects = {}, {}, {}
        self.corrected = None
        self.duplicates = 0


def duplicates(document, names=None):
    """How many fields of an object do not count; of the event's own only those that are read."""
    if not isinstance(document, Object):
        return 0
    return sum(1 for name in document.doubles if names is None or name in names)


def malformed(text, counts):
    """A text that is not JSON; what the limits refuse may be found before that, also within its own texts."""
    faults = counts.faults | {"invalid_json"}
    if text.count("[") + text.count("{") > DEPTH - 2:
        faults.add("limit_depth")
    if text.count(":") > KEYS:
        faults.add("limit_keys")
    if len(text.encode("utf-8", "surrogatepass")) > KEY_BYTES:
        faults |= {"limit_key_length", "limit_number"}
    return Dead(*faults)


def decode(value):
    if not value:
        raise Dead("empty_value")
    if len(value) > VALUE_BYTES:
        raise Dead("limit_size")
    counts = Counts()
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        # Whatever else is wrong may be found before it.
        raise Dead("invalid_utf8", "invalid_json", "limit_depth", "limit_keys", "limit_key_length", "limit_number") from None
    try:
        outer = read(text, 1, counts)
    except Malformed:
        raise malformed(text, counts) from None
    if not isinstance(outer, Object):
        raise Dead("invalid_json", *counts.faults)
    # Whether a text that does not count has to be JSON is nobody's business.
    if set(outer.doubles) & {"data", "properties", "$unset", *DOCUMENTS}:
        raise Open
    event = Event()
    properties = outer.get("properties")
    blank = is_text(properties) and properties.strip(BLANKS) in ("", "null")
    if is_text(outer.get("data")) and (not is_set(properties) or blank):
        try:
            inner = read(outer["data"], 1, counts)
        except Malformed:
            raise malformed(outer["data"], counts) from None
        if not isinstance(inner, Object):
            raise Dead("invalid_json", *counts.faults)
        event.fields = dict(inner)
        # Of the names of one thing those of the envelope count, whichever they are.
        for names in (("token", "$token", "api_key"), ("distinct_id", "$distinct_id")):
            if any(is_set(outer.get(name)) for name in names):
                for name in names:
                    event.fields.pop(name, None)
        event.duplicates = duplicates(outer, FIELDS) + duplicates(inner, FIELDS)
        for name, field in outer.items():
            if name not in ("data", "properties", "timestamp") and is_set(field):
                event.fields[name] = field
        event.corrected = outer.get("timestamp")
    else:
        event.fields = dict(outer)
        event.duplicates = duplicates(outer, FIELDS)
    for name in ["properties", *DOCUMENTS]:
        field = event.fields.get(name)
        if is_text(field) and field is outer.get(name):
            field = in_text(field, name, counts)
        if is_set(field) and not isinstance(field, Object):
            counts.faults.add("invalid_field")
        event.objects[name] = field
    unset = event.fields.get("$unset")
    if is_text(unset) and unset is outer.get("$unset") and unset.strip(BLANKS)[:1] in ("[", "{"):
        try:
            event.fields["$unset"] = read(unset, 2, counts)
        except Malformed:
            counts.faults.add("invalid_json")
    if counts.faults:
        raise Dead(*counts.faults)
    event.properties = event.objects["properties"] or Object()
    sets = [event.properties.get(name) for name in ("$set", "$set_once")]
    for document in [event.objects["properties"], *sets, *(event.objects[name] for name in DOCUMENTS)]:
        event.duplicates += duplicates(document)
    return event


def in_text(text, name, counts):
    """Outside of `data` a text that holds the object's JSON does as well, and an empty one is none."""
    stripped = text.strip(BLANKS)
    # Whether blanks alone are an empty text, and `null` within blanks a null, the pages do not say: of properties they are.
    if text in ("", "null") or name == "properties" and stripped in ("", "null"):
        return None
    try:
        value = read(text, 2, counts)
    except Malformed:
        # Where a text begins like no object, its type may be refused before its JSON is.
        counts.faults |= {"invalid_json"} if stripped.startswith("{") else {"invalid_json", "invalid_field"}
        return None
    if not is_set(value) or not isinstance(value, Object):
        counts.faults.add("invalid_field")
        # A number that no double holds is a text and no number: whether that text is JSON again is open.
        if name == "properties" and is_text(value):
            counts.faults.add("invalid_json")
        return None
    return value


# MARK: Texts


def units(text):
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text, limit):
    """No character is cut in two."""
    if units(text) <= limit:
        return text
    kept, size = [], 0
    for character in text:
        size += units(character)
        if size > limit:
            break
        kept.append(character)
    return "".join(kept)


def text_of(value):
    """What is no text becomes its JSON text."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else JSONText(value)


#: Unicode's White_Space.
WHITE_SPACE = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(scalar) for scalar in range(0x2000, 0x200B)}


def is_blank(text):
    return set(text) <= WHITE_SPACE


# MARK: Time

CLOCK = r"(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?"
ZONE = r" *(?:[Zz]|(?P<sign>[+-])(?P<zh>\d\d)(?::?(?P<zm>\d\d))?)?"
NAMED = r"(?: *(?P<name>[A-Za-z]{2,3})|" + ZONE + ")"
ISO = re.compile(r"(?P<y>\d{4})(?P<s>[-/])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)(?:[Tt ]" + CLOCK + NAMED + ")?", re.A)
MAIL = re.compile(
    # Whether the three letters name a day of the week is not looked at, as the product does it; the page shows `Mon`.
    r"(?:[A-Za-z]{3},)? *(?P<d>\d\d?) *(?P<m>[A-Za-z]{3}) *(?P<y>\d{4}|\d\d)(?: +" + CLOCK + NAMED
    + r"(?: *\([^()]*\))?)?",
    re.A | re.S,
)
EPOCH = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,16})(?:\.(?P<f>\d*))?", re.A)
POWER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?[eE][+-]?\d+", re.A)
#: RFC 2822, 4.3: hours that they are ahead of UTC.
NAMES = {"gmt": 0, "ut": 0, "utc": 0, "edt": -4, "est": -5, "cdt": -5, "cst": -6, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def instant(value):
    """Microseconds since 1970, or None for what cannot be read."""
    if not isinstance(value, str):
        return None
    text = str(value)
    while text[:1] and text[0] <= " ":
        text = text[1:]
    while text[-1:] and text[-1] <= " ":
        text = text[:-1]
    found = ISO.fullmatch(text)
    if found:
        return civil(found, int(found["m"]))
    found = EPOCH.fullmatch(text)
    if found:
        micros = int(((found["f"] or "") + "000000")[:6])
        whole = int(found["whole"])
        # "From 100000000000 on milliseconds", and up to 1e15 of them.
        is_milliseconds = whole >= 100_000_000_000
        if whole >= 1_000_000_000_000_000:
            return None
        result = whole * 1000 + micros // 1000 if is_milliseconds else whole * 1_000_000 + micros
        return -result if found["sign"] else result
    if POWER.fullmatch(text):
        number = float(text)
        return int(number * (1000 if abs(number) >= 1e11 else 1_000_000)) if abs(number) < 1e15 else None
    found = MAIL.fullmatch(text)
    if found and found["m"].lower() in MONTHS:
        return civil(found, MONTHS.index(found["m"].lower()) + 1)
    return None


def civil(found, month):
    """A date that the calendar does not have cannot be read; second 60 is the next minute's first."""
    year, day = int(found["y"]), int(found["d"])
    if len(found["y"]) == 2:
        year += 2000 if year < 50 else 1900
    # Python has no year 0; the calendar repeats after 400 years, which have 146,097 days.
    shift = 400 if year < 400 else 0
    try:
        date = datetime(year + shift, month, day)
    except ValueError:
        return None
    seconds = ((date - datetime(1970, 1, 1)).days - (146_097 if shift else 0)) * 86_400
    if found["H"] is None:
        return seconds * 1_000_000
    hour, minute, second = int(found["H"]), int(found["M"]), int(found["S"] or 0)
    if hour > 23 or minute > 59 or second > 60:
        return None
    seconds += hour * 3600 + minute * 60 + second
    if found["name"]:
        if found["name"].lower() not in NAMES:
            return None
        seconds -= NAMES[found["name"].lower()] * 3600
    if found["sign"]:
        hours, minutes = int(found["zh"]), int(found["zm"] or 0)
        if hours > 23 or minutes > 59:
            return None
        seconds -= (hours * 3600 + minutes * 60) * (-1 if found["sign"] == "-" else 1)
    return seconds * 1_000_000 + int(((found["f"] or "") + "000000")[:6])


def printed(micros):
    years = 0
    if micros < -62_135_596_800_000_000:  # year 0
        micros, years = micros + 146_097 * 86_400_000_000, 400
    moment = datetime(1970, 1, 1) + timedelta(microseconds=micros)
    return f"{moment.year - years:04d}" + moment.strftime("-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def offset_of(value):
    """Fractions are cut; more than 1e15 milliseconds are as good as those."""
    if not isinstance(value, str):
        return None
    if not re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|-?[0-9]+", value):
        return None
    number = float(value)
    return int(min(max(number, -1e15), 1e15)) if abs(number) != float("inf") else None


class Times:
    """docs/events.md, "Time"."""

    def __init__(self, event, header_now, kafka):
        fields = event.fields
        own = instant(fields.get("now")) if is_text(fields.get("now")) else None
        candidates = [own, instant(header_now) if header_now else None]
        self.captured = next((one for one in candidates if one is not None and FIRST <= one < LAST), None)
        kafka = min(kafka, (LAST - 1) // 1000)
        self.now = self.captured if self.captured is not None else max(0, kafka) * 1000
        self.is_known = self.captured is not None or kafka >= 0
        self.created = kafka * 1000 if kafka >= 0 else self.now
        self.unreadable = None
        result = self.now
        if is_set(event.corrected):
            result = instant(event.corrected)
            if result is None:
                self.unreadable, result = event.corrected, self.now
        else:
            client = instant(fields.get("timestamp"))
            if client is None and is_set(fields.get("timestamp")):
                self.unreadable = fields["timestamp"]
            if client is not None:
                sent = instant(fields.get("sent_at")) if is_text(fields.get("sent_at")) else None
                result = client
                if sent is not None and event.properties.get("$ignore_sent_at") is not True:
                    result = client + (self.now - sent)
            offset = offset_of(fields.get("offset"))
            if offset is not None:
                result = self.now - offset * 1000
            if self.is_known and result - self.now > 23 * 3600 * 1_000_000:
                result = self.now
        self.event = result if FIRST <= result < LAST else 0


# MARK: Warnings


class Desk:
    """Which warnings were written less than an hour ago: a table of fixed size, in which another key takes a key's place.

    The page says so much; where a key stands in the table is the product's.
    """

    def __init__(self):
        self.slots = {}

    def is_due(self, team, kind, key, now):
        key = key.encode()[:KEY_TEXT]
        slot = self.slot(team, kind, key)
        if slot in self.slots and self.slots[slot][0] == (team, kind, key) and abs(now - self.slots[slot][1]) < HOUR:
            return False
        self.slots[slot] = ((team, kind, key), now)
        return True

    @staticmethod
    def slot(team, kind, key):
        """Where the product keeps a key: it decides only which key takes another's place."""
        digest = len(key) * 0xA0761D6478BD642F & WORD
        for place in range(0, len(key), 8):
            product = (digest ^ int.from_bytes(key[place : place + 8], "little") ^ 0xE7037ED1A0B428DB) * 0x8EBC6AF09C88C6E3
            digest = product >> 64 ^ product & WORD
        digest ^= digest >> 29
        return ((digest ^ team * 16 + WARNINGS.index(kind) & WORD) * 0x9E3779B97F4A7C15 & WORD) >> 52 & SLOTS - 1


class Notes:
    def __init__(self):
        self.team = None
        self.found = {}
        self.event = self.distinct_id = self.uuid = None
        self.now = self.created = 0
        self.is_forced = False
        self.merge_key = None

    def end(self, reason, **details):
        """Of a record that is not tagged only the warning that says why is written."""
        self.found = {OF_REASON[reason]: details} if reason in OF_REASON else {}


def quoted(value):
    """A value as a text of `details`."""
    if value is None:
        return None
    value = text_of(value)
    if isinstance(value, JSONText):
        raise Open  # its spelling
    return cut(value, TEXT_UNITS)


def warnings(notes, index, desk):
    if notes.team is None:
        return []
    found = []
    for kind in WARNINGS:
        if kind not in notes.found:
            continue
        more = notes.found[kind]
        if kind == "client_ingestion_warning":
            key = more["message"]
        elif kind == "cannot_merge_with_illegal_distinct_id":
            key = notes.merge_key
        else:
            key = notes.event
        key = "" if key is None else text_of(key)
        if isinstance(key, JSONText):
            raise Open
        more = {name: value if isinstance(value, int) and not isinstance(value, bool) else quoted(value) for name, value in more.items()}
        details = {"eventUuid": notes.uuid, "event": quoted(notes.event), "distinctId": quoted(notes.distinct_id),
                   "source": f"file/0/{index}"} | more
        now = notes.now // 1000
        warning = {"team_id": notes.team, "type": kind, "source": "tagstream", "details": details, "timestamp": printed(now * 1000)}
        found.append((warning, key))
    # The hour is one of the records' Kafka timestamps, or of now where there is none.
    return [warning for warning, key in found if desk.is_due(notes.team, warning["type"], key, notes.created // 1000)]


ANY_CASE = ["anonymous", "guest", "distinctid", "distinct_id", "id", "not_authenticated", "email", "undefined", "true", "false"]
AS_IT_STANDS = ["[object Object]", "NaN", "None", "none", "null", "0"]


def is_illegal(text):
    if is_blank(text):
        return True
    spellings = [text]
    if len(text) > 2 and text[0] == text[-1] and text[0] in "'\"":
        spellings.append(text[1:-1])
    ascii_lower = lambda word: "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in word)
    return any(ascii_lower(word) in ANY_CASE or word in AS_IT_STANDS for word in spellings)


# MARK: The whole way


class Record:
    def __init__(self, value, headers=None, timestamp=-1):
        self.value, self.headers, self.timestamp = value, headers or {}, timestamp


class Team:
    def __init__(self, number, oldest=0, group_types=None):
        self.number, self.oldest, self.group_types = number, oldest, group_types or {}


class Outcome:
    def __init__(self, kind, detail, warnings):
        self.kind, self.detail, self.warnings = kind, detail, warnings


def outcome(record, index, teams, dropped, desk):
    """What becomes of a record; the desk remembers what was written before."""
    notes = Notes()
    try:
        kind, detail = "tagged", row_of(record, index, teams, dropped, notes)
    except Dead as dead:
        kind, detail = "dead", dead.reasons
    except Ignored as ignored:
        kind, detail = "ignored", ignored.reason
    if kind != "tagged":
        reason = next(iter(detail)) if kind == "dead" else detail
        # Not where only the header says that there is no person.
        if reason == "personless_merge" and notes.is_forced:
            reason = None
        notes.end(reason, **notes.found.get(reason, {}))
    return Outcome(kind, detail, warnings(notes, index, desk))


def process(value, index, teams):
    """The row of a record without headers; raises Dead, Ignored or Open."""
    return row_of(Record(value), index, teams, set(), Notes())


def refuse(notes, error, reason, **details):
    notes.found = {reason: details}
    raise error(reason)


UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.A)
NAMESPACE = uuids.uuid5(uuids.NAMESPACE_URL, "tagstream.event")


def row_of(record, index, teams, dropped, notes):
    """The row; raises Dead or Ignored. What the team has to be told is noted."""
    if len(record.headers) > HEADERS:
        raise Dead("limit_headers")
    if sum(len(name.encode()) + len((value or "").encode()) for name, value in record.headers.items()) > HEADER_BYTES:
        raise Dead("limit_headers")
    headers = {name: value for name, value in record.headers.items() if value}
    event = decode(record.value)
    fields, properties = event.fields, dict(event.properties)

    # Whose event
    token = headers.get("token")
    if token is None:
        names = ("token", "$token", "api_key")
        token = next((one for one in (*map(fields.get, names), properties.get("token")) if is_set(one)), None)
    if not is_text(token) or token == "":
        raise Dead("no_token")
    if token in dropped:
        raise Ignored("dropped_token")
    if token not in teams:
        raise Dead("unknown_token")
    team = teams[token]
    notes.team = team.number
    times = Times(event, headers.get("now"), record.timestamp)
    notes.now, notes.created = times.now, times.created
    distinct_id = next((one for one in map(fields.get, ("distinct_id", "$distinct_id")) if is_set(one)), None)
    notes.event, notes.distinct_id = fields.get("event"), distinct_id

    # Name, distinct id, uuid
    name = fields.get("event")
    if not is_set(name) or name == "" and is_text(name):
        raise Dead("missing_event")
    name = text_of(name)
    name = cut(name, NAME_UNITS) if isinstance(name, str) else name
    notes.event = name
    if name == "$performance_event":
        raise Ignored("performance_event")
    if name == "$$client_ingestion_warning":
        refuse(notes, Ignored, "client_ingestion_warning", message=properties.get("$$client_ingestion_warning_message"))
    if not is_set(distinct_id):
        raise Dead("missing_distinct_id")
    distinct_id = text_of(distinct_id)
    if isinstance(distinct_id, JSONText):
        # How long its text is depends on its spelling.
        if len(json.dumps(distinct_id.value)) > 150 or has_doubles(distinct_id.value):
            raise Open
    else:
        if is_blank(distinct_id):
            raise Dead("missing_distinct_id")
        if units(distinct_id) > ID_UNITS:
            refuse(notes, Dead, "distinct_id_too_long", length=units(distinct_id), limit=ID_UNITS)
        distinct_id = distinct_id.replace("\0", "\ufffd")
    notes.distinct_id = distinct_id if isinstance(distinct_id, str) else distinct_id.value
    uuid = fields.get("uuid")
    is_given = is_set(uuid) and uuid != ""
    if not is_given:
        uuid = str(uuids.uuid5(NAMESPACE, f"file/0/{index}"))
    elif not is_text(uuid) or not UUID.fullmatch(uuid):
        raise Dead("invalid_uuid")
    uuid = uuid.lower()
    notes.uuid = uuid

    # Merges
    if name == "$groupidentify":
        key = properties.get("$group_key")
        if is_text(key) and units(key) > ID_UNITS:
            refuse(notes, Dead, "group_key_too_long", length=units(key), limit=ID_UNITS)
    merges = {"$identify": "$anon_distinct_id", "$create_alias": "alias", "$merge_dangerously": "alias"}
    is_merge = isinstance(name, str) and name in merges
    if is_merge:
        other = properties.get(merges[name])
        if is_set(other) and not is_text(other):
            refuse(notes, Dead, "invalid_anon_distinct_id" if name == "$identify" else "invalid_alias")
        if is_set(other):
            if isinstance(distinct_id, JSONText):
                raise Open
            if is_illegal(other):
                notes.merge_key = other
                notes.found[WARNINGS[9]] = {"illegalDistinctId": other, "otherDistinctId": distinct_id}
            elif is_illegal(distinct_id):
                notes.merge_key = distinct_id
                notes.found[WARNINGS[9]] = {"illegalDistinctId": distinct_id, "otherDistinctId": other}

    # Age
    age = times.now - times.event
    if team.oldest > 0 and times.is_known and age > team.oldest * 1_000_000:
        refuse(notes, Ignored, "event_dropped_too_old", eventTimestamp=printed(times.event), ageInSeconds=age // 1_000_000,
               dropThresholdSeconds=team.oldest)

    # Notes
    if times.unreadable is not None:
        notes.found["ignored_invalid_timestamp"] = {"timestamp": times.unreadable}
    if is_given and uuid[14] == "7" and uuid[19] in "89ab":
        made = int(uuid.replace("-", "")[:12], 16)
        if abs(made - times.event // 1000) > 3 * 86_400_000:
            if made >= LAST // 1000:
                made = LAST // 1000 - 1  # what no row could print
            notes.found["event_uuid_timestamp_divergent"] = {"eventTimestamp": printed(times.event), "uuidTimestamp": printed(made * 1000)}
    if event.duplicates:
        notes.found["duplicate_keys"] = {"duplicates": event.duplicates}

    row = normalised(event, properties, name, is_merge, headers, team, notes)
    person_id = fields.get("person_id")
    row |= {
        "uuid": uuid,
        "event": name,
        "timestamp": printed(times.event),
        "team_id": team.number,
        "project_id": team.number,
        "distinct_id": distinct_id,
        "created_at": printed(times.created),
        "captured_at": None if times.captured is None else printed(times.captured),
        "person_id": person_id if is_text(person_id) and 0 < len(person_id.encode()) <= PERSON_ID_BYTES else None,
        "person_created_at": None,
    }
    if fields.get("historical_migration") is True or headers.get("historical_migration") == "true":
        row["historical_migration"] = True
    return row


def has_doubles(value):
    if isinstance(value, Object):
        return bool(value.doubles) or any(map(has_doubles, value.values()))
    return isinstance(value, list) and any(map(has_doubles, value))


def normalised(event, properties, name, is_merge, headers, team, notes):
    """docs/events.md, "Normalisation" and "Elements"."""
    fields = event.fields
    if is_text(fields.get("ip")) and fields["ip"] != "" and not is_set(properties.get("$ip")):
        properties["$ip"] = fields["ip"]
    if is_text(fields.get("sent_at")):
        properties["$sent_at"] = fields["sent_at"]
    properties.pop("$verified", None)
    session = properties.get("$session_id")
    if is_text(session) and UUID.fullmatch(session):
        properties["$session_id"] = session.lower()
    changes = {}
    for key in ("$set", "$set_once"):
        within = properties.get(key)
        changes[key] = dict(within) if isinstance(within, Object) else {}
        changes[key] |= event.objects[key] or {}
        # That a text without an object in it, `""`, counts as an empty object here is the product's.
        if is_set(fields.get(key)):
            properties[key] = changes[key]
    if isinstance(fields.get("$unset"), (list, Object)):
        properties["$unset"] = fields["$unset"]
    person = dict(event.objects["person_properties"] or {})
    groups = {group: event.objects[group] for group in GROUPS if is_set(event.objects[group])}

    # Without a person
    notes.is_forced = headers.get("force_disable_person_processing") == "true"
    flag = properties.get("$process_person_profile")
    is_personless = notes.is_forced or flag is False
    if not is_personless:
        if "$process_person_profile" in properties and flag is not True:
            notes.found["invalid_process_person_profile"] = {"$process_person_profile": flag}
        properties.pop("$process_person_profile", None)
        named = properties.get("$groups")
        if isinstance(named, Object):
            for kind, number in team.group_types.items():
                if is_set(named.get(kind)):
                    properties[f"$group_{number}"] = named[kind]
    else:
        if is_merge:
            raise Ignored("personless_merge")
        person, groups = {}, {}
        for number in range(5):
            properties.pop(f"$group_{number}", None)
        properties["$process_person_profile"] = False
    if is_personless or name == "$groupidentify":
        for key in ("$set", "$set_once", "$unset"):
            properties.pop(key, None)
        changes = {"$set": {}, "$set_once": {}}

    chain = fields.get("elements_chain")
    chain = chain if is_text(chain) else ""
    elements = properties.get("$elements")
    is_list = isinstance(elements, list)
    if is_list:
        del properties["$elements"]
    if is_text(properties.get("$elements_chain")):
        chain, is_list = properties.pop("$elements_chain"), False
    if is_list:
        chain = Anything()
        is_cut = len(elements) > ELEMENTS
    else:
        chain, is_cut = first_elements(chain)
    if is_cut:
        notes.found["elements_truncated"] = {"kept": ELEMENTS}
    return {
        "properties": properties,
        "person_properties": changes["$set_once"] | person | changes["$set"],
        "person_mode": "propertyless" if is_personless else "full",
        "elements_chain": chain,
        **groups,
    }


ELEMENT = re.compile(r'[^;":=]*(?::(?:[A-Za-z_-]+="(?:[^"\\]|\\")*")*)?')


def first_elements(chain):
    """Of more than 512 elements the first are kept."""
    if chain.count(";") < ELEMENTS:
        return chain, False
    place, count = 0, 0
    while place < len(chain):
        if count == ELEMENTS:
            return chain[: place - 1], True
        place = ELEMENT.match(chain, place).end()
        count += 1
        if place < len(chain) and chain[place] != ";":
            raise Open  # a chain that is written in another way: where its elements end is for the matcher to say
        place += 1
    return chain, False


def read_row(line):
    """A row of the binary in the model's form; raises where it is not strictly JSON."""
    row = read(line.decode("utf-8"))
    for name in ["properties", "person_properties", *GROUPS]:
        if name in row:
            assert is_text(row[name]), f"{name} is no text"
            row[name] = read(row[name])
    for name in ("team_id", "project_id"):
        row[name] = int(row[name])
    actions = [int(action) for action in row.pop("actions")]
    assert actions == sorted(set(actions)), "the actions' ids do not ascend"
    row.pop("actions_epoch")
    return row


def read_warning(line):
    """A warning of the binary in the model's form."""
    warning = json.loads(line)
    warning["details"] = json.loads(warning["details"])
    return warning
