"""Records that cannot go on: more than two hundred kinds, each with the reason that docs/dead-letters.md gives it."""

from __future__ import annotations

import json

from feeds import TOKEN, Fed

#: A flat event; `EXTRA` is where further properties go.
FLAT = '{"token":"%s","event":"ping","distinct_id":"d","properties":{"a":1EXTRA}}' % TOKEN
#: The same inside an envelope: the event is a text in `data`.
INNER = '{"event":"ping","distinct_id":"d","properties":{"a":1EXTRA}}'


def envelope(data: str, **more: object) -> str:
    """An envelope as a gateway writes it."""
    return json.dumps({"uuid": "018a981f-4b35-7c66-825e-8b0eeae65714", "distinct_id": "d", "ip": "127.0.0.1", "data": data,
                       "now": "2025-09-01T10:00:02.513884Z", "token": TOKEN} | more)


def both(name: str, reason: str, extra: str) -> list[Fed]:
    """A fault among the properties, once in a flat event and once in an envelope's `data`."""
    return [fed(f"flat: {name}", reason, FLAT.replace("EXTRA", extra)),
            fed(f"envelope: {name}", reason, envelope(INNER.replace("EXTRA", extra)))]


def fed(name: str, reason: str, value: str | bytes | None, **more) -> Fed:
    return Fed(value.encode() if isinstance(value, str) else value, outcome=reason, name=name, **more)


def flat(**fields: object) -> str:
    """A good flat event with some fields replaced; None takes one away."""
    event = {"token": TOKEN, "event": "ping", "distinct_id": "d", "properties": {"a": 1}} | fields
    return json.dumps({name: value for name, value in event.items() if value is not None})


def grammar() -> list[Fed]:
    """What JSON's grammar does not allow."""
    found = []
    for text in ("01", "+1", ".5", "1.", "1e", "1e+", "-", "--1", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "nan", "tru", "True", "nul",
                 "None", "undefined", "'x'", "x", "\"", "[", "[1", "[1,]", "[,1]", "[1 2]", "{", "{1:2}", "{\"k\"}", "{\"k\":}",
                 "{\"k\":1,}", "{k:1}", "{\"k\" 1}", "]", "}}}", "\"\\x41\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\\"", "\"\\ \"",
                 "/* c */ 1", "1 // c", "1;", "# 1", "\"a\nb\"", "\"a\tb\"", "\"a\x01b\"", "\"\x00\"", "\x0b1", "\xa01"):
        found += both(f"value {text!a}", "invalid_json", f',"b":{text}')
    for text in (",,\"b\":1", "\"b\":1", ",\"b\":1,", ":1", ";\"b\":1", ",\"b\"=1", ",b:1", ",'b':1"):
        found += both(f"member {text!r}", "invalid_json", text)
    return found


def truncated() -> list[Fed]:
    """Good records that end too early, and good ones with something behind them."""
    whole, inner = envelope(INNER.replace("EXTRA", "")), INNER.replace("EXTRA", "")
    found = [fed(f"envelope cut at {length}", "invalid_json", whole[:length]) for length in range(1, len(whole), 9)]
    found += [fed(f"data cut at {length}", "invalid_json", envelope(inner[:length])) for length in range(1, len(inner), 5)]
    good = FLAT.replace("EXTRA", "")
    found += [fed(f"followed by {text!r}", "invalid_json", good + text) for text in ("}", "]", ",", "x", "null", "{}", good, "\x00", "\\", "\"")]
    return found


def other_documents() -> list[Fed]:
    """JSON, but no object; and no JSON at all."""
    found = [fed(f"document {text!r}", "invalid_json", text) for text in
             ("null", "true", "false", "0", "-1.5e3", "\"text\"", "[]", "[{}]", " ", "\n\t", "{", "}", "hello", "<event/>", "a=b&c=d", "---\na: 1\n")]
    found += [fed(f"data is {text!r}", "invalid_json", envelope(text)) for text in ("", " ", "null", "[]", "5", "\"x\"", "{", "nothing", "[{}]")]
    found += [fed("bytes of zero", "invalid_json", bytes(64)), fed("bytes of gzip", None, b"\x1f\x8b\x08\x00" + bytes(range(200, 256)))]
    return found


def bad_utf8() -> list[Fed]:
    """Byte sequences that are not UTF-8, at every place of a text."""
    found = []
    for wrong in (b"\x80", b"\xbf", b"\xc0\xaf", b"\xc1\x81", b"\xc3", b"\xe2\x82", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf0\x80\x80\x80",
                  b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", b"\xff", b"\xf0\x9f\x99", b"a\xc3b"):
        for place, value in (("name", flat(event="@@")), ("distinct_id", flat(distinct_id="@@")), ("property", flat(properties={"a": "@@"})),
                             ("key", flat(properties={"@@": 1})), ("data", envelope(json.dumps({"event": "ping", "properties": {"a": "@@"}})))):
            found.append(fed(f"{wrong.hex()} in {place}", "invalid_utf8", value.encode().replace(b"@@", wrong)))
    return found


def fields() -> list[Fed]:
    """Objects that are something else."""
    found = []
    for name in ("properties", "$set", "$set_once", "person_properties", "group0_properties", "group4_properties"):
        for other in (5, True, [1], 1.5, ["a", {}]):
            found.append(fed(f"{name} is {other}", "invalid_field", flat(**{name: other})))
            found.append(fed(f"data: {name} is {other}", "invalid_field",
                             envelope(json.dumps({"event": "ping", "distinct_id": "d", "properties": {}} | {name: other}))))
    return found


def tenants() -> list[Fed]:
    """Tokens that are missing, or nobody's."""
    found = [fed("no token", "no_token", flat(token=None)), fed("empty token", "no_token", flat(token=""))]
    found += [fed(f"token {token!r}", "unknown_token", flat(token=token)) for token in
              ("phc_nobody", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), " " + TOKEN, TOKEN + " ", "ключ", "x" * 5000)]
    found.append(fed("token of the header", "unknown_token", flat(), headers=[("token", b"phc_nobody")]))
    found.append(fed("token of the envelope", "unknown_token", envelope(INNER.replace("EXTRA", ""), token="phc_nobody")))
    return found


def identities() -> list[Fed]:
    """Names, distinct ids and uuids that are missing or wrong."""
    found = [fed("no name", "missing_event", flat(event=None)), fed("no distinct id", "missing_distinct_id", flat(distinct_id=None))]
    found += [fed(f"distinct id {text!r}", "missing_distinct_id", flat(distinct_id=text)) for text in ("", " ", "\t\n ", "   ")]
    found += [fed(f"{len(text)} times {text[0]} as distinct id", "distinct_id_too_long", flat(distinct_id=text)) for text in
              ("x" * 401, "é" * 401, "🙂" * 201, "x" * 100_000)]
    found += [fed(f"uuid {text!r}", "invalid_uuid", flat(uuid=text)) for text in
              ("x", "018a981f", "018a981f-4b35-7c66-825e-8b0eeae6571", "018a981f-4b35-7c66-825e-8b0eeae657144", "018a981f4b357c66825e8b0eeae65714",
               "018a981f-4b35-7c66-825e_8b0eeae65714", "g18a981f-4b35-7c66-825e-8b0eeae65714", "{018a981f-4b35-7c66-825e-8b0eeae65714}",
               " 018a981f-4b35-7c66-825e-8b0eeae65714", "018a981f-4b35-7c66-825e8-b0eeae65714", "урна", "-" * 36)]
    return found


def limits() -> list[Fed]:
    """One beyond every limit, and far beyond."""
    found = []
    for depth in (65, 66, 200, 20_000):
        found += both(f"{depth} levels of lists", "limit_depth", ',"b":' + "[" * depth + "]" * depth)
        found += both(f"{depth} levels of objects", "limit_depth", ',"b":' + '{"c":' * depth + "1" + "}" * depth)
    for keys in (4_100, 9_000):
        found += both(f"{keys} keys", "limit_keys", "".join(f',"k{number}":1' for number in range(keys)))
    for length in (1_025, 50_000):
        found += both(f"a key of {length} bytes", "limit_key_length", f',"{"k" * length}":1')
    found += [fed(f"{count} headers", "limit_headers", flat(), headers=[("h", b"1")] * count) for count in (257, 2_000)]
    return found


def everything() -> list[Fed]:
    """All kinds, each with a key and headers of its own, so that a mix-up would be seen."""
    kinds = grammar() + truncated() + other_documents() + bad_utf8() + fields() + tenants() + identities() + limits()
    kinds += [fed("tombstone", "empty_value", None), fed("empty", "empty_value", b"")]
    for number, record in enumerate(kinds):
        record.key = None if number % 5 == 0 else f"key {number}".encode()
        if not record.headers:
            record.headers = [("kind", record.name.encode()), ("twice", b"1"), ("twice", None)][: number % 4]
    return kinds
