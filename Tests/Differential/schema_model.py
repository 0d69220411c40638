"""A second opinion on schemas: PyPI `jsonschema`, with JSON's numbers, ECMA-262's patterns and formats that are asserted.

`jsonschema` takes numbers for doubles, `$` also before a last newline and digits for those of every script. Tagstream takes numbers for
what is written and patterns for RE2's. Where the two differ by decision, the difference is taken away here, and only here.
"""

import datetime
import decimal
import json
import re

from jsonschema import Draft202012Validator, FormatChecker, validators

# Quotients of numbers as far from one another as doubles are have so many digits.
decimal.getcontext().prec = 2000


# MARK: Numbers


def loads(text):
    """JSON with exact numbers; of several members with one name the last counts."""
    return json.loads(text, parse_float=decimal.Decimal)


def is_number(_, value):
    return isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool)


def is_integer(checker, value):
    return is_number(checker, value) and value == int(value)


TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many({"number": is_number, "integer": is_integer})
Validator = validators.extend(Draft202012Validator, type_checker=TYPES)


# MARK: Formats

FORMATS = FormatChecker(formats=())

DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)


@FORMATS.checks("date-time")
def is_date_time(value):
    if not isinstance(value, str):
        return True
    found = DATE_TIME.fullmatch(value)
    if not found:
        return False
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    sign, hours, minutes = found.groups()[6:]
    if hour > 23 or minute > 59 or second > 60 or sign and (int(hours) > 23 or int(minutes) > 59):
        return False
    try:
        # Python's calendar begins with year 1; the year 0 is a leap year as 400 is.
        datetime.date(year or 400, month, day)
    except ValueError:
        return False
    if second < 60:
        return True
    ahead = (1 if sign == "+" else -1) * (int(hours) * 60 + int(minutes)) if sign else 0
    return (hour * 60 + minute - ahead) % 1440 == 1439


@FORMATS.checks("uuid")
def is_uuid(value):
    return not isinstance(value, str) or bool(re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", value))


OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4 = rf"(?:{OCTET}\.){{3}}{OCTET}"
GROUP = "[0-9A-Fa-f]{1,4}"
TAIL = rf"(?:{GROUP}:{GROUP}|{IPV4})"
# RFC 3986, appendix A, line by line.
IPV6 = "|".join(
    [
        rf"(?:{GROUP}:){{6}}{TAIL}",
        rf"::(?:{GROUP}:){{5}}{TAIL}",
        rf"(?:{GROUP})?::(?:{GROUP}:){{4}}{TAIL}",
        rf"(?:(?:{GROUP}:){{0,1}}{GROUP})?::(?:{GROUP}:){{3}}{TAIL}",
        rf"(?:(?:{GROUP}:){{0,2}}{GROUP})?::(?:{GROUP}:){{2}}{TAIL}",
        rf"(?:(?:{GROUP}:){{0,3}}{GROUP})?::{GROUP}:{TAIL}",
        rf"(?:(?:{GROUP}:){{0,4}}{GROUP})?::{TAIL}",
        rf"(?:(?:{GROUP}:){{0,5}}{GROUP})?::{GROUP}",
        rf"(?:(?:{GROUP}:){{0,6}}{GROUP})?::",
    ]
)

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
MAILBOX = re.compile(
    rf"(?:{ATOM}(?:\.{ATOM})*|\"(?:[ !#-\[\]-~]|\\[ -~])*\")@"
    rf"(?:(?=.{{1,255}}\Z){LABEL}(?:\.{LABEL})*|\[(?:{IPV4}|[Ii][Pp][Vv]6:(?:{IPV6}))\])"
)


@FORMATS.checks("email")
def is_email(value):
    return not isinstance(value, str) or bool(MAILBOX.fullmatch(value))


UNIT = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:{UNIT}|:)*@)?(?:\[(?:{IPV6}|[Vv][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\]|{UNIT}*)(?::[0-9]*)?(?:/(?:{UNIT}|[:@/])*)?"
    rf"|(?!//)(?:{UNIT}|[:@/])*)"
    rf"(?:\?(?:{UNIT}|[:@/?])*)?(?:\#(?:{UNIT}|[:@/?])*)?"
)


@FORMATS.checks("uri")
def is_uri(value):
    return not isinstance(value, str) or bool(URI.fullmatch(value))


# MARK: Verdicts


def for_python(tree):
    """A schema whose patterns mean to Python's `re` what they mean to RE2."""

    def pattern(text):
        # An escaped dollar sign is one; any other is the end of the text.
        return "(?a:" + re.sub(r"(\\.)|\$", lambda found: found[1] or r"\Z", text) + ")"

    if isinstance(tree, list):
        return [for_python(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    made = {}
    for key, value in tree.items():
        if key == "pattern" and isinstance(value, str):
            made[key] = pattern(value)
        elif key == "patternProperties" and isinstance(value, dict):
            made[key] = {pattern(name): for_python(schema) for name, schema in value.items()}
        elif key in ("properties", "$defs") and isinstance(value, dict):
            made[key] = {name: for_python(schema) for name, schema in value.items()}
        elif key in ("enum", "const"):
            made[key] = value
        else:
            made[key] = for_python(value)
    return made


def is_valid(schema_text, properties_text):
    """Whether the properties fit the schema, both as JSON text."""
    return Validator(for_python(loads(schema_text)), format_checker=FORMATS).is_valid(loads(properties_text))
