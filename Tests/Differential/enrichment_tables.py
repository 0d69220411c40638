"""Small tables for the model of enrichments, and the same as the files that the binary reads."""

import ipaddress

from mmdb_writer import MMDBWriter
from netaddr import IPSet

from enrichment_model import GEOIP, GEOIP_NETWORK
from events_model import Number

BONN = {
    "city": {"names": {"en": "Bonn", "de": "Bonn am Rhein"}, "confidence": 80},
    "country": {"iso_code": "DE", "names": {"en": "Germany"}},
    "continent": {"code": "EU", "names": {"en": "Europe"}},
    "postal": {"code": "53111"},
    "location": {"latitude": 50.7358, "longitude": 7.5, "accuracy_radius": 20, "time_zone": "Europe/Berlin"},
    "subdivisions": [{"iso_code": "NW", "names": {"en": "North Rhine-Westphalia"}}, {"iso_code": "K", "names": {"en": 'Cologne "Region" \\'}}],
}
PLACES = {"81.2.69.0/24": BONN, "2a02:cf40::/29": {"country": {"iso_code": "FR", "names": {"en": "Frånce"}}}, "89.160.20.112/28": {"city": {"names": {"en": ""}}}}
NETWORKS = {"81.2.0.0/16": {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}}
RULES = r"""user_agent_parsers:
  - regex: '(Firefox)/(\d+)\.(\d+)'
os_parsers:
  - regex: '(Linux)'
device_parsers:
  - regex: 'bot'
    regex_flag: 'i'
    device_replacement: 'Spider'
"""
PLANS = 'plan,seats:number,name,$browser\nx,5,"a ""b""",P\nChrome,1,,\n12,2,é,\n'


def write(folder):
    """Writes the files; returns their settings, as they stand under `enrich`."""
    for name, kind, records in (("city", "Test-City", PLACES), ("asn", "Test-ASN", NETWORKS)):
        writer = MMDBWriter(6, kind, languages=["en"], ipv4_compatible=True, float_type="f64")
        for network, record in records.items():
            writer.insert_network(IPSet([network]), record)
        writer.to_db_file(str(folder / f"{name}.mmdb"))
    (folder / "rules.yaml").write_text(RULES)
    (folder / "plans.csv").write_text(PLANS)
    return {
        "geoip": {"city": str(folder / "city.mmdb"), "asn": str(folder / "asn.mmdb")},
        "user_agent": {"rules": str(folder / "rules.yaml")},
        "lookup": {"tables": [{"name": "plans", "file": str(folder / "plans.csv"), "key": "plan", "property": "plan", "prefix": "plan_"}]},
    }


def record_of(address, records):
    try:
        parsed = ipaddress.ip_address(address) if "%" not in address else None
    except ValueError:
        return None
    if parsed is None:
        return None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    for network, record in records.items():
        if parsed in ipaddress.ip_network(network):
            return record
    return None


def place(address):
    """What is known of an address, by the properties' names without their prefix; None where nothing is."""
    city, network = record_of(address, PLACES), record_of(address, NETWORKS)
    if city is None and network is None:
        return None

    def within(record, *path):
        for key in path:
            if isinstance(record, list):
                record = record[key] if key < len(record) else None
            else:
                record = (record or {}).get(key)
        return record

    subdivisions = [(within(city, "subdivisions", at, "iso_code"), within(city, "subdivisions", at, "names", "en")) for at in range(3)]
    values = [
        within(city, "city", "names", "en"), within(city, "city", "confidence"), within(city, "country", "names", "en"),
        within(city, "country", "iso_code"), within(city, "continent", "names", "en"), within(city, "continent", "code"),
        within(city, "postal", "code"), within(city, "location", "latitude"), within(city, "location", "longitude"),
        within(city, "location", "accuracy_radius"), within(city, "location", "time_zone"),
        *(value for pair in subdivisions for value in pair),
        within(network, "autonomous_system_number"), within(network, "autonomous_system_organization"),
    ]
    values = [None if value == "" else value if value is None or isinstance(value, str) else Number(value) for value in values]
    return dict(zip(GEOIP + GEOIP_NETWORK, values))


def agent(text):
    """What the rules above recognise, as properties."""
    if len(text.encode()) > 1024:
        return {}
    found = {}
    if "Firefox/125.0" in text:
        found |= {"$browser": "Firefox", "$browser_version": "125.0"}
    if "Linux" in text:
        found |= {"$os": "Linux", "$device_type": "Desktop"}
    if "bot" in text.lower():
        return found | {"$device": "Spider", "$device_type": "Bot", "$browser_type": "bot", "$is_bot": True}
    return found | ({"$browser_type": "browser"} if "$browser" in found else {}) | {"$is_bot": False}


def plan(key):
    rows = {"x": {"plan_seats": Number("5"), "plan_name": 'a "b"', "plan_$browser": "P"}, "Chrome": {"plan_seats": Number("1")},
            "12": {"plan_seats": Number("2"), "plan_name": "é"}}
    return rows.get(key, {})


TABLES = {"place": place, "agent": agent, "plan": plan}
