"""A slow, obvious model of what Tagstream does with one record: decode, tenant, validate, normalise, row.

Written from the description of the events, with Python's own JSON parser and without looking for speed. `fuzz.py` asks the binary
and this model the same questions. Where the description is silent the model follows the product: there the two agreeing proves that
neither changed, not that both are right.

What the model does not know: which actions match, and the text of an elements chain that is built from `$elements`.
"""

import json
import re
import uuid as uuids
from datetime import datetime, timedelta

NAMESPACE = uuids.uuid5(uuids.NAMESPACE_URL, "tagstream.event")
VALUE_BYTES, DEPTH, KEYS, KEY_BYTES, DISTINCT_ID_UNITS, NAME_UNITS = 1 << 20, 64, 4096, 1024, 400, 200
PERSON_ID_BYTES, ROW_BYTES = 200, 960_000
MERGES = ("$identify", "$create_alias", "$merge_dangerously")
GROUPS = [f"group{number}_properties" for number in range(5)]
OBJECTS = ["$set", "$set_once", "person_properties", *GROUPS]
FIRST, LAST = -62_167_219_200_000_000, 253_402_300_800_000_000  # the years 0 to 9999 in microseconds, the end excluded
BLANKS = " \t\r\n"


class Number(str):
    """A number by its digits: they have to come out as they went in."""

    def __eq__(self, other):
        return isinstance(other, Number) and str.__eq__(self, other)

    def __ne__(self, other):
        return not self == other

    __hash__ = str.__hash__


class JSONText:
    """A name or id that was an object or array: any text of the same JSON will do."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        try:
            return isinstance(other, str) and parse(other).value == self.value
        except ValueError:
            return len(other.encode("utf-16-le")) // 2 >= NAME_UNITS - 1  # cut

    def __repr__(self):
        return f"JSONText({self.value!r})"


class Anything:
    def __eq__(self, other):
        return True

    def __repr__(self):
        return "Anything"


class Dead(Exception):
    """The record is a dead letter, for one of these reasons: where a record has several faults, which is found first is open."""

    def __init__(self, *reasons):
        super().__init__(reasons)
        self.reasons = set(reasons)


class Ignored(Exception):
    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class Open(Exception):
    """The description leaves it open, because a limit counts text as it was written: such records are not asked about."""


class Object(dict):
    """A JSON object: of two fields of a name the last counts, but what it supersedes counts for the limits."""

    def __init__(self, items):
        items = list(items)
        super().__init__(items)
        self.levels = 1 + max((depth(value) for _, value in items), default=0)
        names = [name for name, _ in items]
        self.doubles = {name for name in names if names.count(name) > 1} if len(names) < 500 else set()


class Parsed:
    """A JSON value with what the limits count."""

    def __init__(self, value, keys, longest_key):
        self.value, self.keys, self.longest_key = value, keys, longest_key


def sanitise(text):
    """Lone surrogates become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def parse(text):
    """Strict JSON; raises ValueError. Numbers beyond a double become texts, a later duplicate wins."""
    count = 0
    longest = 0

    def pairs(items):
        nonlocal count, longest
        count += len(items)
        for key, _ in items:
            size = len(sanitise(key).encode())
            if size <= KEY_BYTES < 12 * size and json.dumps(key) != f'"{key}"':
                raise Open
            longest = max(longest, size)
        return Object((sanitise(key), clean(value)) for key, value in items)

    def clean(value):
        if isinstance(value, Number):
            return value
        if isinstance(value, str):
            return sanitise(value)
        if isinstance(value, list):
            return [clean(item) for item in value]
        return value

    def number(digits):
        return digits if float(digits) in (float("inf"), float("-inf")) else Number(digits)

    def constant(name):
        raise ValueError(name)

    decoder = json.JSONDecoder(
        object_pairs_hook=pairs, parse_int=number, parse_float=number, parse_constant=constant, strict=True
    )
    stripped = text.strip(BLANKS)
    try:
        value, end = decoder.raw_decode(stripped)
    except RecursionError:
        raise Dead("limit_depth", "invalid_json") from None
    if end != len(stripped):
        raise ValueError("something behind the value")
    return Parsed(clean(value), count, longest)


def depth(value):
    if isinstance(value, Object):
        return value.levels
    if isinstance(value, list):
        return 1 + max((depth(item) for item in value), default=0)
    return 0


def has_doubles(value):
    if isinstance(value, Object):
        return bool(value.doubles) or any(map(has_doubles, value.values()))
    return isinstance(value, list) and any(map(has_doubles, value))


def faults_of_text(text):
    """Limits that a broken text may break before it is found to be broken."""
    reasons = set()
    if text.count("[") + text.count("{") > DEPTH - 2:  # the text itself may lie within something
        reasons.add("limit_depth")
    if text.count(":") > KEYS:
        reasons.add("limit_keys")
    if len(text) > KEY_BYTES:
        reasons.add("limit_key_length")
    return reasons


def is_set(value):
    return value is not None


class Event:
    """What a record says, whatever form it had."""

    def __init__(self):
        self.fields = {}
        self.properties = {}
        self.corrected = None
        self.objects = {}


def decode(record):
    if len(record) == 0:
        raise Dead("empty_value")
    if len(record) > VALUE_BYTES:
        raise Dead("limit_size")
    try:
        text = record.decode("utf-8")
    except UnicodeDecodeError:
        lossy = record.decode("utf-8", "replace")
        raise Dead("invalid_utf8", "invalid_json", *faults_of_text(lossy)) from None
    try:
        outer = parse(text)
    except ValueError:
        raise Dead("invalid_json", *faults_of_text(text)) from None
    if not isinstance(outer.value, dict):
        raise Dead("invalid_json", *faults_of_text(text))

    # Whether a text that a later field supersedes has to be JSON is nobody's business.
    if outer.value.doubles & {"data", "properties", *OBJECTS}:
        raise Open
    keys, longest, reasons = outer.keys, outer.longest_key, set()
    levels = depth(outer.value)
    event = Event()
    fields = outer.value
    has_properties = is_set(fields.get("properties")) and not (
        isinstance(fields["properties"], str)
        and not isinstance(fields["properties"], Number)
        and fields["properties"].strip(BLANKS) in ("", "null")
    )
    is_envelope = is_text(fields.get("data")) and not has_properties
    documents = {name: fields.get(name) for name in OBJECTS}

    if is_envelope:
        data = fields["data"]
        try:
            inner = parse(data)
        except ValueError:
            raise Dead("invalid_json", *faults_of_text(data), *limits(keys, longest, levels)) from None
        if not isinstance(inner.value, dict):
            raise Dead("invalid_json", *faults_of_text(data), *limits(keys, longest, levels))
        keys += inner.keys
        longest = max(longest, inner.longest_key)
        levels = max(levels, depth(inner.value))
        event.corrected = fields.get("timestamp")
        merged = dict(inner.value)
        merged["timestamp"] = inner.value.get("timestamp")
        for name, value in fields.items():
            if name not in ("timestamp", "properties", "data") and is_set(value):
                merged[name] = value
        merged["properties"] = inner.value.get("properties")
        event.fields = merged
    else:
        event.fields = dict(fields)

    # Objects: in `data` they are objects, at the outermost level they may also be texts, as a stored row has them.
    for name in ["properties", *documents]:
        outermost = fields.get(name)
        value = event.fields.get(name)
        if is_text(value) and value is outermost:
            levels_of_text = value.strip(BLANKS)
            if name == "properties":
                if levels_of_text in ("", "null"):
                    value = None
                else:
                    try:
                        inner = parse(value)
                    except ValueError:
                        reasons |= {"invalid_json"} | faults_of_text(value)
                        continue
                    keys, longest = keys + inner.keys, max(longest, inner.longest_key)
                    levels = max(levels, 1 + depth(inner.value))
                    value = inner.value
                    # A number beyond a double is a text from the beginning on, so this one has been read twice.
                    if is_text(value) and value[:1] in "-0123456789":
                        reasons.add("invalid_json")
            elif value in ("", "null"):
                value = None
            elif not levels_of_text.startswith("{"):
                reasons |= {"invalid_field", "invalid_json", "limit_depth"} if levels_of_text.startswith("[") else {"invalid_field"}
                continue
            else:
                try:
                    inner = parse(value)
                except ValueError:
                    reasons |= {"invalid_json"} | faults_of_text(value)
                    continue
                keys, longest = keys + inner.keys, max(longest, inner.longest_key)
                levels = max(levels, 1 + depth(inner.value))
                value = inner.value
        if is_set(value) and not isinstance(value, dict):
            reasons.add("invalid_field")
            continue
        event.objects[name] = value
    unset = event.fields.get("$unset")
    if is_text(unset) and unset is fields.get("$unset"):
        stripped = unset.strip(BLANKS)
        if stripped[:1] in ("[", "{"):
            try:
                event.fields["$unset"] = parse(unset).value
            except ValueError:
                reasons.add("invalid_json")
    reasons |= limits(keys, longest, levels)
    if reasons:
        raise Dead(*reasons)
    event.properties = event.objects["properties"] or {}
    return event


def limits(keys, longest, levels):
    reasons = set()
    if keys > KEYS:
        reasons.add("limit_keys")
    if longest > KEY_BYTES:
        reasons.add("limit_key_length")
    if levels > DEPTH:
        reasons.add("limit_depth")
    return reasons


def is_text(value):
    return isinstance(value, str) and not isinstance(value, Number)


def units(text):
    return len(text.encode("utf-16-le")) // 2


def text_of(value):
    """A name or an id as text: anything else than a text by its JSON."""
    if isinstance(value, Number):
        return str(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return JSONText(value)


def cut(text, limit):
    if not isinstance(text, str):
        return text
    kept = ""
    for character in text:
        if units(kept + character) > limit:
            break
        kept += character
    return kept if units(text) > limit else text


# Times


def days(year, month, day):
    """Days since 1970-01-01; Python's calendar has no year 0, the proleptic one repeats every 400 years."""
    shift = 0
    if year < 1:
        year, shift = year + 400, 146_097
    return (datetime(year, month, day) - datetime(1970, 1, 1)).days - shift


CLOCK = r"(?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?"
ZONE = r" *(?:(?P<utc>[Zz])|(?P<sign>[+-])(?P<zh>\d\d)(?::?(?P<zm>\d\d))?)?"
ISO = re.compile(r"(?P<y>\d{4})(?P<s>[-/])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)(?:[Tt ]" + CLOCK + ZONE + ")?", re.A)
MAIL = re.compile(
    r"(?:.{3},)? *(?P<d>\d\d?) *(?P<mon>[A-Za-z]{3}) *(?P<y>\d{4})(?: +" + CLOCK + r"(?: *(?:GMT|UT|UTC)|" + ZONE + "))?",
    re.A | re.S,
)
EPOCH = re.compile(r"(?P<n>-?)(?P<w>\d{1,16})(?:\.(?P<f>\d*))?", re.A)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def instant(value):
    """Microseconds since 1970 of a timestamp in any accepted form, or None."""
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    text = str(value)
    while text and text[0] <= " ":
        text = text[1:]
    while text and text[-1] <= " ":
        text = text[:-1]
    found = ISO.fullmatch(text)
    if re.match(r"\d{4}[-/]", text, re.A):
        return civil(found, int(found["m"])) if found else None
    found = EPOCH.fullmatch(text)
    if found:
        whole = int(found["w"])
        fraction = int(((found["f"] or "") + "000000")[:6])
        if whole >= 100_000_000_000:
            if whole >= 253_402_300_800_000:
                return None
            result = whole * 1000 + fraction // 1000
        else:
            if whole >= 253_402_300_800:
                return None
            result = whole * 1_000_000 + fraction
        return -result if found["n"] else result
    found = MAIL.fullmatch(text)
    if found and found["mon"].lower() in MONTHS:
        return civil(found, MONTHS.index(found["mon"].lower()) + 1)
    return None


def civil(found, month):
    year, day = int(found["y"]), int(found["d"])
    if not 1 <= month <= 12:
        return None
    lengths = [31, 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if not 1 <= day <= lengths[month - 1]:
        return None
    seconds = days(year, month, day) * 86_400
    micros = 0
    if found["H"]:
        hour, minute, second = int(found["H"]), int(found["M"]), int(found["S"] or 0)
        if hour > 23 or minute > 59 or second > 60:
            return None
        seconds += hour * 3600 + minute * 60 + second
        micros = int(((found["f"] or "") + "000000")[:6])
        if found["sign"]:
            hours, minutes = int(found["zh"]), int(found["zm"] or 0)
            if hours > 23 or minutes > 59:
                return None
            offset = hours * 3600 + minutes * 60
            seconds += offset if found["sign"] == "-" else -offset
    return seconds * 1_000_000 + micros


def printed(micros):
    """`YYYY-MM-DD hh:mm:ss.SSS` in UTC."""
    years = 0
    if micros < -62_135_596_800_000_000:  # year 0
        micros += 146_097 * 86_400_000_000
        years = 400
    moment = datetime(1970, 1, 1) + timedelta(microseconds=micros)
    return f"{moment.year - years:04d}" + moment.strftime("-%m-%d %H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def milliseconds(value):
    """`offset`: a number of milliseconds or the text of one; fractions are cut, and what is absurd counts as absent."""
    if value is None or isinstance(value, (bool, list, dict)):
        return None
    found = re.fullmatch(r"(-?)(\d+)", value, re.A) or re.fullmatch(r"(-?)(0|[1-9]\d*)\.\d+", value, re.A)
    if not found or int(found[2]) > 1 << 43:
        return None
    return -int(found[2]) if found[1] else int(found[2])


def times(event):
    now = instant(event.fields.get("now")) if is_text(event.fields.get("now")) else None
    if now is not None and not FIRST <= now < LAST:
        now = None
    captured = now
    now = now or 0
    result = now
    if is_set(event.corrected):
        parsed = instant(event.corrected)
        result = now if parsed is None else parsed
    else:
        client = instant(event.fields.get("timestamp"))
        if client is not None:
            result = client
            sent = instant(event.fields.get("sent_at")) if is_text(event.fields.get("sent_at")) else None
            if sent is not None and event.properties.get("$ignore_sent_at") is not True:
                result = client - (sent - now)
        offset = milliseconds(event.fields.get("offset"))
        if offset is not None:
            result = now - offset * 1000
        if captured is not None and result - now > 23 * 3600 * 1_000_000:
            result = now
    if not FIRST <= result < LAST:
        result = 0
    return printed(result), printed(now), None if captured is None else printed(captured)


# The whole way


def process(record, index, teams, topic="file", partition=0):
    """The row that a record becomes; raises Dead or Ignored."""
    event = decode(record)
    fields, properties = event.fields, dict(event.properties)

    token = fields.get("token")
    if not is_set(token):
        token = fields.get("api_key")
    if not is_set(token):
        token = properties.get("token")
    if not is_text(token) or token == "":
        raise Dead("no_token")
    if token not in teams:
        raise Dead("unknown_token")

    name = fields.get("event")
    if not is_set(name) or name == "":
        raise Dead("missing_event")
    name = cut(text_of(name), NAME_UNITS)
    if name == "$performance_event":
        raise Ignored("performance_event")
    if name == "$$client_ingestion_warning":
        raise Ignored("client_ingestion_warning")

    distinct_id = fields.get("distinct_id")
    if not is_set(distinct_id):
        raise Dead("missing_distinct_id")
    distinct_id = text_of(distinct_id)
    if isinstance(distinct_id, JSONText) and (
        len(json.dumps(distinct_id.value)) > 150 or has_doubles(distinct_id.value)
    ):
        raise Open
    if isinstance(distinct_id, str):
        if not any(character > " " for character in distinct_id):
            raise Dead("missing_distinct_id")
        if units(distinct_id) > DISTINCT_ID_UNITS:
            raise Dead("distinct_id_too_long")
        distinct_id = distinct_id.replace("\0", "\ufffd")

    uuid = fields.get("uuid")
    if not is_set(uuid) or is_text(uuid) and uuid == "":
        uuid = str(uuids.uuid5(NAMESPACE, f"{topic}/{partition}/{index}"))
    elif not is_text(uuid) or not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", uuid, re.A):
        raise Dead("invalid_uuid")
    uuid = uuid.lower()

    timestamp, created, captured = times(event)
    row = normalise(event, properties, name)
    person_id = fields.get("person_id")
    has_person = is_text(person_id) and person_id != "" and len(person_id.encode()) <= PERSON_ID_BYTES
    row |= {
        "uuid": uuid,
        "event": name,
        "timestamp": timestamp,
        "team_id": teams[token],
        "project_id": teams[token],
        "distinct_id": distinct_id,
        "created_at": created,
        "captured_at": captured,
        "person_id": person_id if has_person else None,
        "person_created_at": None,
    }
    if fields.get("historical_migration") is True:
        row["historical_migration"] = True
    return row


def normalise(event, properties, name):
    fields = event.fields
    address = fields.get("ip")
    if is_text(address) and address != "" and not is_set(properties.get("$ip")):
        properties["$ip"] = address
    if is_text(fields.get("sent_at")):
        properties["$sent_at"] = fields["sent_at"]
    session = properties.get("$session_id")
    if is_text(session) and re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", session, re.A):
        properties["$session_id"] = session.lower()

    sets = {}
    for key in ("$set", "$set_once"):
        within = properties.get(key)
        sets[key] = dict(within) if isinstance(within, dict) else {}
        beside = event.objects[key]
        sets[key] |= beside or {}
        # An empty text beside the properties counts as a `$set` without anything in it.
        if is_set(fields.get(key)):
            properties[key] = sets[key]
    if isinstance(fields.get("$unset"), (list, dict)):
        properties["$unset"] = fields["$unset"]

    person = dict(event.objects["person_properties"] or {})
    groups = {group: event.objects[group] for group in GROUPS if event.objects[group] is not None}
    mode = "full"
    is_personless = properties.get("$process_person_profile") is False
    if is_personless:
        if isinstance(name, str) and name in MERGES:
            raise Ignored("personless_merge")
        mode = "propertyless"
        person, groups = {}, {}
        for number in range(5):
            properties.pop(f"$group_{number}", None)
    else:
        properties.pop("$process_person_profile", None)
    if is_personless or name == "$groupidentify":
        for key in ("$set", "$set_once", "$unset"):
            properties.pop(key, None)
        sets = {"$set": {}, "$set_once": {}}

    chain = fields.get("elements_chain")
    chain = chain if is_text(chain) else ""
    elements = properties.get("$elements")
    if isinstance(elements, list):
        del properties["$elements"]
        chain = Anything()
    if is_text(properties.get("$elements_chain")):
        chain = properties.pop("$elements_chain")
    return {
        "properties": properties,
        "person_properties": sets["$set_once"] | person | sets["$set"],
        "person_mode": mode,
        "elements_chain": chain,
        **groups,
    }


def read_row(line):
    """A row of the binary in the model's form; raises where it is not strictly JSON."""
    row = parse(line.decode("utf-8")).value
    for name in ["properties", "person_properties", *GROUPS]:
        if name in row:
            assert is_text(row[name]), f"{name} is no text"
            row[name] = parse(row[name]).value
    for name in ("team_id", "project_id"):
        row[name] = int(row[name])
    actions = [int(action) for action in row.pop("actions")]
    assert actions == sorted(set(actions)), "the actions' ids do not ascend"
    row.pop("actions_epoch")
    return row
