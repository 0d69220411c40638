"""GeoIP finds what MaxMind's own reader for Python finds, in databases that PyPI's mmdb-writer made."""

from __future__ import annotations

import ipaddress
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import maxminddb
import netaddr
import pytest
from mmdb_writer import MMDBWriter

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import fuzz  # noqa: E402

SEED = int(os.environ.get("TAGSTREAM_FUZZ_SEED", time.time_ns() % 1_000_000))
NAMES = ["Bonn", "Saint-Étienne", "Kraków", "東京", 'Quote "d"', "Back\\slash", "Tab\there", "Nul\x01", "", "🜁 Air"]


def record(rng):
    """A record of a City database, of which anything may be missing."""

    def name():
        return {"en": rng.choice(NAMES), "de": "anders"} if rng.random() < 0.9 else {"de": "nur deutsch"}

    whole = {
        "city": {"names": name(), "confidence": rng.randrange(101)} if rng.random() < 0.5 else {"names": name()},
        "country": {"names": name(), "iso_code": rng.choice(["DE", "FR", "PL"])},
        "continent": {"names": name(), "code": "EU"},
        "postal": {"code": str(rng.randrange(100_000))},
        "location": {
            "latitude": rng.choice([rng.uniform(-90, 90), 0.0, 12.0, 1e-7]),
            "longitude": rng.uniform(-180, 180),
            "accuracy_radius": rng.randrange(1000),
            "time_zone": "Europe/Berlin",
        },
        "subdivisions": [{"names": name(), "iso_code": f"S{number}"} for number in range(rng.randrange(5))],
        "registered_country": {"iso_code": "XX"},
    }
    return {key: value for key, value in whole.items() if rng.random() < 0.8}


def network(rng):
    if rng.random() < 0.6:
        return ipaddress.ip_network((rng.getrandbits(32), rng.randrange(9, 33)), strict=False)
    return ipaddress.ip_network((0x2 << 124 | rng.getrandbits(124), rng.randrange(16, 129)), strict=False)


def write(path, kind, networks):
    writer = MMDBWriter(6, kind, ipv4_compatible=True, languages=["en", "de"], description="made by a test")
    # Those that are smaller come later, so that they stay within the larger ones.
    for net, value in sorted(networks, key=lambda item: item[0].prefixlen + (96 if item[0].version == 4 else 0)):
        writer.insert_network(netaddr.IPSet([str(net)]), value)
    writer.to_db_file(str(path))


PLACE = [
    ("city_name", ["city", "names", "en"]),
    ("city_confidence", ["city", "confidence"]),
    ("country_name", ["country", "names", "en"]),
    ("country_code", ["country", "iso_code"]),
    ("continent_name", ["continent", "names", "en"]),
    ("continent_code", ["continent", "code"]),
    ("postal_code", ["postal", "code"]),
    ("latitude", ["location", "latitude"]),
    ("longitude", ["location", "longitude"]),
    ("accuracy_radius", ["location", "accuracy_radius"]),
    ("time_zone", ["location", "time_zone"]),
] + [
    (f"subdivision_{number + 1}_{what}", ["subdivisions", number, *path])
    for number in range(3)
    for what, path in [("code", ["iso_code"]), ("name", ["names", "en"])]
]
NETWORK = [("asn", ["autonomous_system_number"]), ("as_organization", ["autonomous_system_organization"])]


def at(value, path):
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return None if value == "" else value


def is_public(address):
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    private = ["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"]
    private += ["::/127", "fc00::/7", "fe80::/10", "ff00::/8"]
    return not any(address in net for net in map(ipaddress.ip_network, private) if net.version == address.version)


def expected(address, city, asn):
    nothing = {"properties": None, "set": None, "set_once": None}
    if not is_public(address):
        return nothing
    plain = address.ipv4_mapped if address.version == 6 and address.ipv4_mapped else address
    place, net = city.get(plain), asn.get(plain)
    if place is None and net is None:
        return nothing
    found = {f"geoip_{name}": at(place, path) for name, path in PLACE} | {f"geoip_{name}": at(net, path) for name, path in NETWORK}
    return {
        "properties": {f"${key}": value for key, value in found.items() if value is not None},
        "set": {f"${key}": value for key, value in found.items()},
        "set_once": {f"$initial_{key}": value for key, value in found.items()},
    }


def run(arguments, addresses):
    text = "\n".join(map(str, addresses)).encode()
    done = subprocess.run([fuzz.binary(), "geoip", *map(str, arguments)], input=text, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    print(f"seed {SEED}")
    rng = random.Random(SEED)
    folder = tmp_path_factory.mktemp("mmdb")
    cities = [(network(rng), record(rng)) for _ in range(3000)]
    networks = [
        (network(rng), {"autonomous_system_number": rng.randrange(1, 1 << 31), "autonomous_system_organization": rng.choice(NAMES)})
        for _ in range(1000)
    ]
    write(folder / "city.mmdb", "Test-City", cities)
    write(folder / "asn.mmdb", "Test-ASN", networks)
    addresses = [ipaddress.ip_address(rng.getrandbits(32)) for _ in range(1000)]
    addresses += [ipaddress.ip_address(rng.getrandbits(128)) for _ in range(500)]
    for net, _ in cities + networks:
        addresses.append(net[rng.randrange(min(net.num_addresses, 1 << 60))])
        if net.version == 4 and rng.random() < 0.3:
            addresses.append(ipaddress.ip_address(f"::ffff:{net[0]}"))
    addresses += [ipaddress.ip_address(text) for text in ["127.0.0.1", "::1", "10.1.2.3", "fe80::1", "192.168.0.1", "::"]]
    rng.shuffle(addresses)
    return folder, addresses


def test_what_is_found_is_what_maxminds_reader_finds(databases):
    folder, addresses = databases
    found = run(["--city", folder / "city.mmdb", "--asn", folder / "asn.mmdb"], addresses)
    assert len(found) == len(addresses)
    with maxminddb.open_database(folder / "city.mmdb", maxminddb.MODE_MEMORY) as city:
        with maxminddb.open_database(folder / "asn.mmdb", maxminddb.MODE_MEMORY) as asn:
            wanted = [expected(address, city, asn) for address in addresses]
    different = [(str(a), f, w) for a, f, w in zip(addresses, found, wanted) if f != w]
    assert not different, f"seed {SEED}: {different[:3]}"
    assert sum(entry["properties"] is not None for entry in wanted) > len(wanted) / 3


def test_a_damaged_database_is_refused_or_harmless(databases, tmp_path):
    """mmdb_truncated and mmdb_bitflip through the command: an exit code and a reason, never a signal."""
    folder, addresses = databases
    whole = (folder / "city.mmdb").read_bytes()
    rng = random.Random(SEED)
    some = "\n".join(map(str, addresses[:500])).encode()
    codes = []
    for turn in range(60):
        damaged = bytearray(whole)
        if turn % 3 == 0:
            damaged = damaged[: rng.randrange(len(damaged))]
        else:
            for _ in range(rng.randrange(1, 4)):
                # The search tree and the description are smaller than the data, and more delicate.
                place = rng.choice([rng.randrange(len(damaged)), len(damaged) - rng.randrange(1, 200)])
                damaged[place] ^= 1 << rng.randrange(8)
        path = tmp_path / "damaged.mmdb"
        path.write_bytes(damaged)
        done = subprocess.run([fuzz.binary(), "geoip", "--city", path], input=some, capture_output=True, timeout=60)
        assert done.returncode in (0, 1), f"seed {SEED}, turn {turn}: {done.returncode} {done.stderr}"
        if done.returncode == 1:
            assert b"damaged.mmdb is refused: " in done.stderr
        codes.append(done.returncode)
    assert codes.count(1) >= 20


def test_a_database_of_another_kind_is_not_taken(databases):
    folder, _ = databases
    done = subprocess.run([fuzz.binary(), "geoip", "--city", folder / "asn.mmdb"], input=b"", capture_output=True)
    assert done.returncode == 1
    assert b'a database of type "Test-ASN", expected one for --city' in done.stderr
