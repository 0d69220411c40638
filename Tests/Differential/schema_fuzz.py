"""Generated schemas with properties that nearly fit them, written as oddly as JSON allows."""

import json
import random

KEYS = ["a", "b", "plan", "price", "$lib", "a/b", "a~b", "ä", "", "with \"quotes\"", "back\\slash", "items", "tab\t", "\U0001f6d2"]
TEXTS = [
    "", "a", "ab", "abc", "Team", "team", "free", "a b", "12", "äöü", "\U0001f6d2\U0001f6d2", "e\u0301", "\"", "\\", "\n", "\x01",
    "2026-11-27", "USD", "usd", "x" * 20, "true", "null", "a/b",
]
FORMATTED = {
    "date-time": ["2026-11-27T08:15:30Z", "2026-11-27T08:15:30.5+02:00", "2026-02-30T00:00:00Z", "2026-11-27 08:15:30", "1998-12-31T23:59:60Z", "2026-11-27T25:00:00Z"],
    "uuid": ["0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e77", "0190F3C1-8A52-7CC1-9F3E-2B0F6A1D4E77", "0190f3c1-8a52-7cc1-9f3e-2b0f6a1d4e7", "0190f3c18a527cc19f3e2b0f6a1d4e77"],
    "email": ["ada@example.com", "ada@", "\"a b\"@example.com", "ada@[192.0.2.1]", "a..b@example.com", "ada@example..com", "ada@[IPv6:2001:db8::1]", "ada@-a.com"],
    "uri": ["https://example.com/a?b=c#d", "/a", "mailto:ada@example.com", "https://[::1]:80/", "https://exa mple.com", "a:b", "https://example.com/%zz", "https://[::1:2:3:4:5:6:7:8]/"],
}
PATTERNS = ["^a", "b$", "^[a-z]*$", "[A-Z]{3}", "^\\d+$", "a|b", "^.{2,4}$", "\\$", "[äöü]", "^(free|team)$", "\\\\", "\\s", ""]
NUMBERS = [
    "0", "-0", "0.0", "1", "1.0", "1e0", "10E-1", "-1", "1.5", "2", "3", "0.1", "0.3", "0.30", "19.99", "100", "1e2", "12345678901234567890",
    "12345678901234567891", "9007199254740992", "9007199254740993", "1e30", "1000000000000000000000000000000", "-2.50", "1e-7", "0.0000001",
    "0.1234567890123456789012345", "0.1234567890123456789012346", "1.7976931348623157e308", "5e-324", "7", "14", "21",
]
DIVISORS = ["1", "2", "0.1", "0.01", "1.5", "7", "3", "1e-7", "100", "0.25", "123456789012345678"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


class Number(str):
    """A number as it is written."""


class Schemas:
    """Makes schemas of the subset from a seed."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.defs = {}

    def chance(self, share):
        return self.random.random() < share

    def case(self):
        """A schema and some properties that may fit it, as JSON text."""
        self.defs = {}
        for number in range(self.random.choice([0, 0, 1, 3])):
            # What is referred to stands before: no way leads back.
            self.defs[f"d{number}"] = self.schema(2)
        schema = self.schema(3, self.random.choice(["object", None, None]))
        if schema is True or schema is False:
            schema = {"allOf": [schema]}
        if self.chance(0.7):
            names = self.random.sample(KEYS, self.random.randint(1, 4))
            schema.setdefault("properties", {}).update({name: self.schema(3) for name in names})
        if self.defs:
            schema["$defs"] = self.defs
        made = [self.instance(schema, 4, "object") for _ in range(8)]
        return self.write(schema), [self.write(one if isinstance(one, dict) else {}, plain=False) for one in made]

    # MARK: Schemas

    def schema(self, depth, kind=None):
        if self.chance(0.04):
            return self.chance(0.7)
        if self.defs and self.chance(0.15):
            return {"$ref": "#/$defs/" + self.random.choice(list(self.defs))}
        schema = {}
        kind = kind or self.random.choice(TYPES)
        if self.chance(0.45):
            schema["type"] = kind if self.chance(0.8) else self.random.sample(TYPES, self.random.randint(1, 4))
        if self.chance(0.08):
            schema["enum"] = [self.value(2) for _ in range(self.random.randint(1, 6))] + self.random.sample(TEXTS, 3)
        if self.chance(0.05):
            schema["const"] = self.value(2)
        getattr(self, f"{kind}_rules", lambda schema, depth: None)(schema, depth)
        if depth > 0 and self.chance(0.25):
            for keyword in self.random.sample(["allOf", "anyOf", "oneOf", "not"], self.random.choice([1, 1, 2])):
                schema[keyword] = (
                    self.schema(depth - 1)
                    if keyword == "not"
                    else [self.schema(depth - 1, self.random.choice([kind, None])) for _ in range(self.random.randint(1, 3))]
                )
        if self.chance(0.05):
            schema["description"] = "a note"
        return schema

    def number_rules(self, schema, depth):
        for keyword in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]:
            if self.chance(0.16):
                schema[keyword] = Number(self.random.choice(NUMBERS))
        if self.chance(0.16):
            schema["multipleOf"] = Number(self.random.choice(DIVISORS))

    integer_rules = number_rules

    def string_rules(self, schema, depth):
        if self.chance(0.3):
            schema["minLength"] = self.random.randint(0, 3)
        if self.chance(0.3):
            schema["maxLength"] = self.random.randint(0, 5)
        if self.chance(0.2):
            schema["pattern"] = self.random.choice(PATTERNS)
        if self.chance(0.25):
            schema["format"] = self.random.choice(list(FORMATTED))

    def array_rules(self, schema, depth):
        if self.chance(0.3):
            schema["minItems"] = self.random.randint(0, 3)
        if self.chance(0.3):
            schema["maxItems"] = self.random.randint(0, 4)
        if self.chance(0.4):
            schema["uniqueItems"] = self.chance(0.9)
        if depth > 0:
            if self.chance(0.6):
                schema["items"] = self.schema(depth - 1)
            if self.chance(0.3):
                schema["prefixItems"] = [self.schema(depth - 1) for _ in range(self.random.randint(1, 3))]

    def object_rules(self, schema, depth):
        if self.chance(0.3):
            schema["required"] = self.random.sample(KEYS, self.random.randint(0, 3))
        if self.chance(0.2):
            schema["minProperties"] = self.random.randint(0, 3)
        if self.chance(0.2):
            schema["maxProperties"] = self.random.randint(0, 5)
        if depth > 0:
            if self.chance(0.7):
                schema["properties"] = {key: self.schema(depth - 1) for key in self.random.sample(KEYS, self.random.randint(0, 5))}
            if self.chance(0.2):
                schema["patternProperties"] = {pattern: self.schema(depth - 1) for pattern in self.random.sample(PATTERNS, self.random.randint(1, 2))}
            if self.chance(0.3):
                schema["additionalProperties"] = False if self.chance(0.4) else self.schema(depth - 1)

    # MARK: Values

    def value(self, depth):
        kind = self.random.choice(TYPES if depth > 0 else TYPES[:5])
        if kind == "null":
            return None
        if kind == "boolean":
            return self.chance(0.5)
        if kind in ("integer", "number"):
            return Number(self.random.choice(NUMBERS))
        if kind == "string":
            return self.random.choice(TEXTS)
        if kind == "array":
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        return {key: self.value(depth - 1) for key in self.random.sample(KEYS, self.random.randint(0, 3))}

    def instance(self, schema, depth, kind=None):
        """A value that nearly fits a schema."""
        if not isinstance(schema, dict) or depth <= 0 or kind is None and self.chance(0.12):
            return self.value(2) if kind != "object" else {}
        if "$ref" in schema and kind is None:
            return self.instance(self.defs.get(schema["$ref"].rsplit("/", 1)[1]), depth, kind)
        if kind is None and "const" in schema and self.chance(0.8):
            return schema["const"]
        if kind is None and schema.get("enum") and self.chance(0.8):
            return self.random.choice(schema["enum"])
        for keyword in ("anyOf", "oneOf", "allOf"):
            if kind is None and keyword in schema and self.chance(0.6):
                return self.instance(self.random.choice(schema[keyword]), depth - 1)
        if kind is None:
            types = schema.get("type")
            kind = self.random.choice(types) if isinstance(types, list) else types or self.guess(schema)
        if kind == "array":
            prefix = [self.instance(one, depth - 1) for one in schema.get("prefixItems", [])]
            count = self.random.randint(schema.get("minItems", 0), max(schema.get("minItems", 0), min(schema.get("maxItems", 4), 4)))
            return (prefix + [self.instance(schema.get("items"), depth - 1) for _ in range(count)])[: max(count, self.random.randint(0, 4))]
        if kind == "object":
            made = {key: self.instance(one, depth - 1) for key, one in schema.get("properties", {}).items() if self.chance(0.85)}
            for key in schema.get("required", []):
                if self.chance(0.92):
                    made.setdefault(key, self.value(1))
            if self.chance(0.15):
                made[self.random.choice(KEYS)] = self.value(1)
            return made
        if kind == "string":
            if "format" in schema and self.chance(0.9):
                return self.random.choice(FORMATTED[schema["format"]])
            return self.random.choice(TEXTS)
        if kind in ("integer", "number"):
            bounds = [schema[keyword] for keyword in ("minimum", "maximum", "multipleOf") if keyword in schema]
            return self.random.choice(bounds) if bounds and self.chance(0.4) else Number(self.random.choice(NUMBERS))
        return None if kind == "null" else self.chance(0.5)

    def guess(self, schema):
        for keyword, kind in [("minimum", "number"), ("maximum", "number"), ("multipleOf", "number"), ("pattern", "string"), ("format", "string"), ("minLength", "string"), ("items", "array"), ("prefixItems", "array"), ("uniqueItems", "array"), ("properties", "object"), ("required", "object")]:
            if keyword in schema:
                return kind
        return self.random.choice(TYPES)

    # MARK: Writing

    def write(self, value, plain=True):
        """JSON text; in the odd form with escapes nobody needs, blanks, and members that a later one supersedes."""
        blank = (lambda: "") if plain else lambda: self.random.choice(["", "", "", " ", "\r", "\t "])
        if isinstance(value, Number):
            return str(value)
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=self.chance(0.3)) if plain else self.odd(value)
        if isinstance(value, list):
            return "[" + blank() + ("," + blank()).join(self.write(item, plain) + blank() for item in value) + "]"
        if isinstance(value, dict):
            members = list(value.items())
            if not plain and members and self.chance(0.1):
                members.insert(0, (self.random.choice(members)[0], self.value(1)))
            return "{" + blank() + ("," + blank()).join(
                self.write(key, plain) + blank() + ":" + blank() + self.write(one, plain) + blank() for key, one in members
            ) + "}"
        return json.dumps(value)

    def odd(self, text):
        out = '"'
        for character in text:
            if self.chance(0.1):
                units = character.encode("utf-16-be")
                out += "".join(f"\\u{units[place]:02x}{units[place + 1]:02X}" for place in range(0, len(units), 2))
            elif character == "/" and self.chance(0.3):
                out += "\\/"
            else:
                out += json.dumps(character, ensure_ascii=self.chance(0.1))[1:-1]
        return out + '"'
