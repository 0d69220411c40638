"""Asks the binary and the model of enrichments the same questions: `python enrichment_fuzz.py --count 50000 --seed 7`.

Events and settings are built from a seed. Every row has to be the same, read as JSON.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import enrichment_model
import enrichment_tables
import fuzz
import events_model as model

SALT = "a salt for tests only"
HOSTS = ["www.google.com", "www.google.co.uk", "mail.google.com", "t.co", "l.facebook.com", "example.com", "shop.example.com:8080",
         "bob:pw@example.com", "[2001:db8::1]:80", "EXAMPLE.com", "chatgpt.com", "yandex.ru", "a.b.c.d.e.f.g.h.i.bing.com", ""]
PATHS = ["/", "", "/a/12/34", "/u/bob.smith@example.com/x", "/é/💡", "/r/0123456789abcdef0123456789abcdef", "/a b", "/\"q\"\\",
         "/v/eyJhbGciOi.eyJzdWIiOi.sig-nature", "/abcdefabcdefabcdefabcdefabcdefabcdefabcdef/1"]
VALUES = ["x", "", "a%20b", "a+b", "%C3%A9", "%ff", "%", "%4", "%zz", "é", "💡", "bob%40example.com", "%22%5C%0A%00", "a=b", "x?y",
          "paid-x", "CPC", "newsletter", "organic", "social", "%E2%82", "%ED%A0%80", "v" * 1030, "é" * 520]
PARAMETERS = enrichment_model.CAMPAIGN_KEYS + ["q", "email", "token", "Access_Token", "e%6Dail", "t", "session", "page"]
ADDRESSES = ["203.0.113.77", "10.1.2.3", "127.0.0.1", "2001:db8:1:2::3", "::1", "fe80::1%eth0", "1.2.3.4, 5.6.7.8", "unknown",
             "203.0.113.077", "::ffff:203.0.113.7", "", "81.2.69.142", "2a02:cf40::1", "89.160.20.112"]
AGENTS = ["", "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", "curl/8.5.0", "Googlebot/2.1", "é", "x" * 1100]
PLAIN = ["Chrome", "", "é\"\\\n\t\0", "💡", "12", "null", "\u007f", "a" * 300]
OTHER = ["a", "plan", "email", "who", "$browser_language", "k\"ey", "é", "$geoip_city_name", "$geoip_asn", "$is_bot", "$referrer_type",
         "$referrer_name", "$device", "$group_0", "$initial_browser", "$session_entry_url", "$external_click_url"]


class Generator:
    """Records from a random number generator: the same seed gives the same."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def one_of(self, values):
        return values[self.random.randrange(len(values))]

    def chance(self, share):
        return self.random.random() < share

    def url(self):
        if self.chance(0.05):
            return self.one_of(["$direct", "", "mailto:bob@example.com", "not a url", "http://", "://x", "https://a?b?c#d#e", "x" * 40 + "://a/b"])
        text = self.one_of(["https://", "http://", "HTTPS://", "android-app://", ""]) + self.one_of(HOSTS) + self.one_of(PATHS)
        if self.chance(0.6):
            count = self.random.randrange(1, 6) if self.chance(0.97) else self.random.randrange(90, 110)
            text += "?" + "&".join(self.one_of(PARAMETERS) + self.one_of(["=", "=", "=", ""]) + self.one_of(VALUES) for _ in range(count))
        if self.chance(0.2):
            text += "#" + self.one_of(["", "top", "t=x&token=y", "/route?email=x&page=2", "utm_source=z"])
        if self.chance(0.01):
            text += "?" + "é" * 4096 + "&utm_source=behind"
        return text

    def scalar(self):
        return self.one_of([None, True, False, 0, -1.5, 12345678901234567890, "x", self.one_of(PLAIN), self.one_of(PLAIN)])

    def value(self, key):
        if self.chance(0.08):
            return self.one_of([self.scalar(), [1, "a\"b"], {"a": {"b": "c\\d"}}, []])
        if "url" in key or key in ("$referrer", "$pathname") or key.endswith("_referrer") or key.endswith("pathname"):
            return self.url()
        if key == "$referring_domain":
            return self.one_of(["$direct", "www.google.com", "Blog.Example.org:80", ""])
        if key == "$ip":
            return self.one_of(ADDRESSES)
        if key in ("utm_medium", "utm_source"):
            return self.one_of(["CPC", "paid", "email", "newsletter", "social", "organic", "podcast", "google", ""])
        if "agent" in key:
            return self.one_of(AGENTS)
        return self.scalar()

    def members(self, keys, most):
        chosen = [self.one_of(keys) for _ in range(self.random.randrange(most + 1))]
        return {key: self.value(key) for key in chosen}

    def record(self):
        keys = enrichment_model.PERSON_KEYS + enrichment_model.CAMPAIGN_KEYS[:6] + ["gclid", "mc_cid", "$current_url", "$referrer"]
        properties = self.members(keys + OTHER, 14)
        if self.chance(0.5):
            properties |= self.members(["$current_url", "$referrer", "$referring_domain", "$ip", "$pathname", "$raw_user_agent", "$user_agent", "$useragent", "$geoip_disable"], 6)
        inner = keys + OTHER + ["$initial_" + key.removeprefix("$") for key in keys] + ["$initial_geoip_city_name"]
        for key in ("$set", "$set_once"):
            if self.chance(0.25):
                properties[key] = self.members(inner, 5) if self.chance(0.9) else self.scalar()
        if self.chance(0.05):
            properties["$process_person_profile"] = self.one_of([False, True, None])
        items = list(properties.items())
        self.random.shuffle(items)
        event = {"event": self.one_of(["$pageview", "$autocapture", "e", "$identify", "$groupidentify", "$snapshot", "$set"]),
                 "distinct_id": "u", "properties": dict(items)}
        for key in ("$set", "$set_once"):
            if self.chance(0.15):
                event[key] = self.members(inner, 5)
        outer = {"token": self.one_of(["phc_one", "phc_two"])}
        if self.chance(0.4):
            outer["ip"] = self.one_of(ADDRESSES)
        if self.chance(0.1):
            outer["person_properties"] = json.dumps(self.members(inner, 6))
        if self.chance(0.5):
            return json.dumps(outer | {"data": self.dump(event)}, ensure_ascii=self.chance(0.5)).encode()
        return self.dump(event | outer).encode()

    def dump(self, value):
        """JSON in one of the ways to write it."""
        text = json.dumps(value, ensure_ascii=self.chance(0.5), separators=self.one_of([(",", ":"), (", ", ": ")]))
        return text.replace("/", "\\/") if self.chance(0.1) else text

    def decided(self):
        while True:
            record = self.record()
            try:
                model.process(record, 0, fuzz.TEAMS)
            except (model.Ignored, model.Open):
                continue
            except model.Dead as dead:
                raise AssertionError(f"the generator makes events that are none: {dead.reasons} {record}") from None
            return record

    def settings(self):
        """Settings by their full names, as the model takes them."""
        chosen = {name: self.chance(0.6) for name in ("user_agent.enabled", "geoip.enabled", "campaign.enabled", "referrer.enabled", "promotion.enabled",
                                                       "urls.redact_emails", "urls.redact_tokens", "geoip.person", "user_agent.override", "lookup.enabled")}
        chosen["privacy.ip"] = self.one_of(["keep", "truncate", "remove"])
        chosen["privacy.drop"] = self.random.sample(["a", "email", "$browser", "k\"ey", "utm_source", "$initial_os", "$geoip_latitude", "plan_seats"], self.random.randrange(4))
        chosen["privacy.hash"] = self.random.sample(["who", "email", "plan", "$os", "é", "$current_url", "$geoip_city_name", "$initial_geoip_longitude"], self.random.randrange(4))
        chosen["urls.redact_parameters"] = self.random.sample(["email", "T", "q", "utm_source"], self.random.randrange(3))
        chosen["urls.clean"] = self.random.sample(
            [{"pattern": "[0-9]+", "replacement": ":id"}, {"pattern": "^/a/[^/]+", "replacement": "/é\""}, {"pattern": "é|💡", "replacement": ""},
             {"pattern": r"/$", "replacement": ""}], self.random.randrange(3))
        if self.chance(0.2):
            chosen["urls.properties"] = ["$current_url", "a", "$initial_referrer"]
        return chosen


def nested(settings):
    tree = {}
    for name, value in settings.items():
        group, _, key = name.partition(".")
        tree.setdefault(group, {})[key] = value
    return tree


def compare(records, settings, folder, tables=None, config=None):
    """Differences between the binary's rows and the model's, for events that all are tagged."""
    events, actions, salt, file = folder / "events.jsonl", folder / "actions.json", folder / "salt", folder / "tagstream.json"
    events.write_bytes(b"".join(record + b"\n" for record in records))
    actions.write_text(json.dumps(fuzz.ACTIONS))
    salt.write_text(SALT + "\n")
    tree = nested(settings)
    tree["privacy"]["salt_file"] = str(salt)
    for group, values in (config or {}).items():
        tree.setdefault(group, {}).update(values)
    file.write_text(json.dumps({"enrich": tree}))
    run = subprocess.run(
        [fuzz.binary(), "match", "--actions", str(actions), "--events", str(events), "--config", str(file)], capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode(errors="replace")
    rows = run.stdout.split(b"\n")[:-1]
    assert len(rows) == len(records), f"{len(rows)} rows of {len(records)} events"
    differences = []
    for index, (record, row) in enumerate(zip(records, rows)):
        try:
            expected = enrichment_model.enrich(model.process(record, index, fuzz.TEAMS), record, settings | {"salt": SALT}, tables)
        except model.Open:
            continue
        actual = model.read_row(row)
        if not fuzz.same(expected, actual):
            differences.append(f"record   {record.decode()}\n  settings {json.dumps(settings)}\n  (model, binary) {differing(expected, actual)}")
    return differences


def differing(expected, actual):
    """What differs, member by member of the columns that are objects."""
    found = {}
    for key, pair in fuzz.differing(expected, actual).items():
        if all(isinstance(one, dict) for one in pair):
            found |= {f"{key}.{name}": both for name, both in fuzz.differing(*pair).items()}
        else:
            found[key] = pair
    return found


def campaign(seed, count, seconds=None, chunk=1000, has_tables=True):
    """Runs generated events under generated settings through both; returns how many, and the differences."""
    generator = Generator(seed)
    done, differences = 0, []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        config = enrichment_tables.write(pathlib.Path(folder)) if has_tables else {}
        tables = enrichment_tables.TABLES if has_tables else {}
        while done < count and (seconds is None or time.monotonic() - began < seconds) and len(differences) < 20:
            settings = generator.settings()
            records = [generator.decided() for _ in range(min(chunk, count - done))]
            differences += compare(records, settings, pathlib.Path(folder), tables, config)
            done += len(records)
    return done, differences


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=50_000)
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    done, differences = campaign(arguments.seed, arguments.count)
    print(f"{done} events, {len(differences)} differences")
    for difference in differences[:5]:
        print(difference[:4000])
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
