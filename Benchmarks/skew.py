#!/usr/bin/env python3
"""Gives the generated envelopes what enrichments read: addresses, user agents and referrers of a skewed distribution.

usage: skew.py ENVELOPES OUT

A few addresses and user agents are most of the traffic, and a long tail is the rest (Zipf). One event in five is a server SDK's:
it leaves the user agent to be read. Deterministic.
"""
import bisect
import itertools
import json
import random
import sys

RANDOM = random.Random(20261127)
SYSTEMS = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64", "Linux; Android 14; Pixel 8",
           "Linux; Android 13; SM-G991B", "iPhone; CPU iPhone OS 17_4_1 like Mac OS X", "iPad; CPU OS 16_6 like Mac OS X"]
REFERRERS = ["$direct"] * 6 + ["https://www.google.com/", "https://www.google.de/", "https://l.facebook.com/", "https://t.co/x1y2",
                               "https://blog.example.net/post/7", "https://app.example.com/docs", "https://news.ycombinator.com/item?id=1"]
CAMPAIGNS = ["utm_source=newsletter&utm_medium=email&utm_campaign=spring%20sale", "utm_source=google&utm_medium=cpc&gclid=Cj0KCQ",
             "utm_source=twitter&utm_medium=social", "page=2", "q=shoes&page=2&fbclid=IwAR0"]


def zipf(count, exponent):
    return list(itertools.accumulate(1 / (rank + 1) ** exponent for rank in range(count)))


def pick(weights):
    return bisect.bisect_left(weights, RANDOM.random() * weights[-1])


ADDRESSES = [f"{RANDOM.randrange(11, 100)}.{RANDOM.randrange(256)}.{RANDOM.randrange(256)}.{RANDOM.randrange(1, 255)}" for _ in range(20_000)]
AGENTS = [f"Mozilla/5.0 ({RANDOM.choice(SYSTEMS)}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{RANDOM.randrange(90, 130)}.0."
          f"{RANDOM.randrange(4000, 6500)}.{RANDOM.randrange(200)} Safari/537.36" for _ in range(3000)]
BY_ADDRESS, BY_AGENT = zipf(len(ADDRESSES), 1.1), zipf(len(AGENTS), 1.1)

with open(sys.argv[1], encoding="utf-8") as envelopes, open(sys.argv[2], "w", encoding="utf-8") as out:
    for line in envelopes:
        envelope = json.loads(line)
        event = json.loads(envelope["data"])
        properties = event["properties"]
        envelope["ip"] = ADDRESSES[pick(BY_ADDRESS)]
        agent = AGENTS[pick(BY_AGENT)]
        if RANDOM.random() < 0.2:
            for key in ("$browser", "$browser_version", "$os", "$os_version", "$device_type", "$raw_user_agent"):
                properties.pop(key, None)
            properties["$useragent"] = agent
        else:
            properties["$raw_user_agent"] = agent
        properties["$referrer"] = RANDOM.choice(REFERRERS)
        properties["$referring_domain"] = properties["$referrer"].split("/")[2] if "//" in properties["$referrer"] else "$direct"
        if RANDOM.random() < 0.3:
            url = properties["$current_url"].partition("?")[0]
            properties["$current_url"] = url + "?" + RANDOM.choice(CAMPAIGNS)
        envelope["data"] = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        out.write(json.dumps(envelope, separators=(",", ":"), ensure_ascii=False) + "\n")
