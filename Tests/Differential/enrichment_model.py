"""A slow, obvious model of what enrichments do to an event, written from the description of the events and docs/enrichments.md.

It takes up where events_model.py ends: the row of a valid, normalised event. Where PostHog and the description are silent (the words of
`$referrer_type`, what counts as a token in a URL) the page is the source, and the product and this model are two readings of it.

What the model does not know: which sites the list of referrers has (it reads the list), and the text of an object that is hashed.
"""

import hashlib
import ipaddress
import pathlib
import re
import urllib.parse

import events_model as model
from events_model import Anything, Number, is_set, is_text

ROOT = pathlib.Path(__file__).resolve().parents[2]

PERSON_KEYS = """$app_build $app_name $app_namespace $app_version $browser $browser_version $device_type $current_url $pathname $os
    $os_name $os_version $referring_domain $referrer $screen_height $screen_width $viewport_height $viewport_width
    $raw_user_agent""".split()
CAMPAIGN_KEYS = """utm_source utm_medium utm_campaign utm_content utm_name utm_term gclid gad_source gclsrc dclid gbraid wbraid fbclid
    msclkid twclid li_fat_id mc_cid igshid ttclid rdt_cid irclid _kx epik qclid sccid""".split()
PAID_CLICKS = "gclid gad_source gclsrc dclid gbraid wbraid msclkid twclid li_fat_id ttclid rdt_cid irclid epik qclid sccid".split()
PAID_MEDIA = "cpc ppc cpm cpv cpa cpp retargeting display banner affiliate ad ads".split()
MAIL_MEDIA = "email e-mail e_mail mail newsletter".split()
SOCIAL_MEDIA = "social social-network social-media social_network social_media sm".split()
SECRETS = """access_token api_key apikey auth authorization client_secret code id_token jwt key password passwd pwd refresh_token
    reset_token secret session session_id sessionid sid sig signature ticket token""".split()
URL_PROPERTIES = """$current_url $pathname $referrer $initial_current_url $initial_pathname $initial_referrer $session_entry_url
    $session_entry_pathname $session_entry_referrer $prev_pageview_pathname $external_click_url""".split()
GEOIP = """city_name city_confidence country_name country_code continent_name continent_code postal_code latitude longitude
    accuracy_radius time_zone subdivision_1_code subdivision_1_name subdivision_2_code subdivision_2_name subdivision_3_code
    subdivision_3_name""".split()
GEOIP_NETWORK = "asn as_organization".split()
QUERY_BYTES, PARAMETERS, CAMPAIGN_BYTES, CLEANED_BYTES = 8192, 100, 1024, 2000


def lower(text):
    """ASCII only."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), text)


def split(url):
    """(what stands before the authority, authority, path, query or None, fragment or None)."""
    before, authority, rest = "", "", url
    found = re.match(r"[A-Za-z0-9+.-]+://", url, re.A)
    if found and found.end() <= 32 + 2:
        before = found[0]
        authority = re.match(r"[^/?#]*", url[found.end():])[0]
        rest = url[found.end() + len(authority):]
    rest, hash_sign, fragment = rest.partition("#")
    path, mark, query = rest.partition("?")
    return before, authority, path, query if mark else None, fragment if hash_sign else None


def host(authority):
    return authority.rpartition("@")[2]


def without_port(name):
    if name.startswith("["):
        return name.partition("]")[0] + ("]" if "]" in name else "")
    return name.partition(":")[0]


def cut_bytes(text, limit):
    return text.encode()[:limit].decode(errors="ignore")


def unquote(text):
    """Percent-encoded bytes and plus signs; what is not UTF-8 then becomes U+FFFD."""
    return urllib.parse.unquote_to_bytes(text.replace("+", " ").encode()).decode("utf-8", "replace")


class Event:
    """The row on its way, with the person's objects apart."""

    def __init__(self, row, record):
        decoded = model.decode(record)
        self.row = row
        self.properties = row["properties"]
        self.personless = row["person_mode"] == "propertyless"
        self.updates_person = not self.personless and row["event"] != "$groupidentify"
        self.base = {} if self.personless else dict(decoded.objects["person_properties"] or {})
        self.sets = {key: dict(self.properties[key]) if self.updates_person and isinstance(self.properties.get(key), dict) else {}
                     for key in ("$set", "$set_once")}
        self.changed = set()
        self.location = None


def enrich(row, record, settings, tables=None):
    """The row of an event under the settings of its team."""
    event = Event(row, record)
    if settings.get("user_agent.enabled"):
        user_agent(event, settings, tables or {})
    if settings.get("geoip.enabled"):
        locate(event, settings, tables or {})
    if settings.get("campaign.enabled"):
        campaign(event.properties)
    if settings.get("referrer.enabled"):
        referrer(event.properties)
    if settings.get("lookup.enabled", True) and "plan" in (tables or {}):
        look_up(event.properties, tables["plan"])
    urls(event, settings)
    privacy(event, settings)
    locate_person(event, settings)
    promotes = settings.get("promotion.enabled") and row["event"] not in ("$snapshot", "$performance_event")
    if promotes and event.updates_person:
        promote(event)
    for key in event.changed:
        event.properties[key] = event.sets[key]
    if settings.get("privacy.ip") == "remove":
        event.properties.pop("$ip", None)
    row["person_properties"] = event.sets["$set_once"] | event.base | event.sets["$set"]
    return row


# Tables


def user_agent(event, settings, tables):
    """`tables["agent"]` tells a text's properties."""
    properties = event.properties
    properties.pop("$is_bot", None)
    texts = [properties.get(key) for key in ("$useragent", "$user-agent", "$user_agent", "$raw_user_agent")]
    text = next((text for text in texts if is_text(text) and text), None)
    if text is None or "agent" not in tables:
        return
    for key in ("$useragent", "$user-agent", "$user_agent"):
        properties.pop(key, None)
    knows = any(is_set(properties.get(key)) for key in ("$browser", "$browser_version", "$os", "$device", "$device_type"))
    for key, value in tables["agent"](text).items():
        if key == "$is_bot" or not knows or settings.get("user_agent.override"):
            properties[key] = value


def truthy(value):
    """As JavaScript sees it."""
    if isinstance(value, Number):
        return float(value) != 0
    return value is True or isinstance(value, (list, dict)) or is_text(value) and value != ""


def locate(event, settings, tables):
    """`tables["place"]` tells what is known of an address, by name, with None for what is not; None where nothing is."""
    forge(event)
    properties = event.properties
    address = properties.get("$ip")
    if truthy(properties.get("$geoip_disable")) or not is_text(address) or "place" not in tables:
        return
    found = tables["place"](address)
    if found is None:
        return
    properties |= {"$geoip_" + name: value for name, value in found.items() if value is not None}
    if event.updates_person and settings.get("geoip.person", True):
        # It is written behind everything that privacy does to `$set`, but what is dropped or hashed there is so here.
        event.location = found


def forge(event):
    """Takes away what only GeoIP may write."""
    for name in GEOIP + GEOIP_NETWORK:
        event.properties.pop("$geoip_" + name, None)
        for key in event.sets:
            for prefix in ("$geoip_", "$initial_geoip_"):
                if prefix + name in event.sets[key]:
                    del event.sets[key][prefix + name]
                    event.changed.add(key)
        for prefix in ("$geoip_", "$initial_geoip_"):
            event.base.pop(prefix + name, None)


def locate_person(event, settings):
    if event.location is None:
        return
    salt = settings.get("salt", "")
    for key, prefix in (("$set", "$geoip_"), ("$set_once", "$initial_geoip_")):
        event.changed.add(key)
        for name, value in event.location.items():
            names = {"$geoip_" + name, prefix + name}
            if names & set(settings.get("privacy.drop") or []):
                continue
            if names & set(settings.get("privacy.hash") or []) and is_set(value):
                value = hashed(value, salt)
            event.sets[key][prefix + name] = value


def look_up(properties, row):
    key = properties.get("plan")
    if is_text(key) or isinstance(key, Number):
        properties |= row(str(key))


# Campaign and referrer


def campaign(properties):
    url = properties.get("$current_url")
    if not is_text(url):
        return
    query = split(url)[3]
    if query is None:
        return
    for parameter in cut_bytes(query, QUERY_BYTES).split("&")[:PARAMETERS]:
        name, _, value = parameter.partition("=")
        if name in CAMPAIGN_KEYS and value and not is_set(properties.get(name)):
            properties[name] = cut_bytes(unquote(value) if "%" in value or "+" in value else value, CAMPAIGN_BYTES)


def sites():
    text = (ROOT / "Sources/Tagstream/Enrich/ReferrerDomains.swift").read_text(encoding="utf-8")
    for line in re.search(r'"""\n(.*?)"""', text, re.S)[1].strip().splitlines():
        kind, name, *domains = line.split()
        for domain in domains:
            yield domain, (kind, name.replace("_", " "))


SITES = dict(sites())


def site(name):
    labels = name.split(".")
    for start in range(min(len(labels), 8)):
        rest = ".".join(labels[start:])
        if rest in SITES:
            return SITES[rest]
        behind = labels[start + 1:]
        is_country = len(behind) == 1 and 2 <= len(behind[0].encode()) <= 3
        is_country |= len(behind) == 2 and behind[0] in ("co", "com", "ne") and len(behind[1].encode()) == 2
        if is_country and labels[start] + ".*" in SITES:
            return SITES[labels[start] + ".*"]
    return None


def referrer(properties):
    properties.pop("$referrer_type", None)
    properties.pop("$referrer_name", None)
    if not any(is_text(properties.get(key)) for key in ("$referrer", "$current_url", "$referring_domain")):
        return
    text = properties.get("$referrer")
    name = ""
    if is_text(text) and text:
        is_direct = text.startswith("$")
        own = "" if is_direct else lower(host(split(text)[1]))
        if (is_direct or own) and not is_set(properties.get("$referring_domain")):
            properties["$referring_domain"] = text if is_direct else own
        name = own
    elif is_text(properties.get("$referring_domain")) and not properties["$referring_domain"].startswith("$"):
        name = lower(properties["$referring_domain"])
    name = without_port(name)
    found = site(name) if name else None
    properties["$referrer_type"] = kind(properties, name, found)
    if found:
        properties["$referrer_name"] = found[1]


def kind(properties, name, found):
    def given(key):
        return is_set(properties.get(key)) and not (is_text(properties[key]) and properties[key] == "")

    def word(key):
        text = properties.get(key)
        return lower(text) if is_text(text) and 1 <= len(text.encode()) <= 64 else ""

    medium = word("utm_medium")
    if any(map(given, PAID_CLICKS)) or medium.startswith("paid") or medium in PAID_MEDIA:
        return "paid"
    source = word("utm_source")
    is_mail_source = source in MAIL_MEDIA and not source.startswith("paid")
    if given("mc_cid") or given("_kx") or medium in MAIL_MEDIA or is_mail_source:
        return "email"
    if found:
        return found[0]
    if medium in SOCIAL_MEDIA:
        return "social"
    if medium == "organic":
        return "search"
    if not name:
        return "direct"
    url = properties.get("$current_url")
    return "internal" if is_text(url) and without_port(lower(host(split(url)[1]))) == name else "referral"


# URLs and privacy


def everywhere(event):
    yield None, event.properties
    for key in event.sets:
        yield key, event.sets[key]
    yield None, event.base


def urls(event, settings):
    names = URL_PROPERTIES if settings.get("urls.properties") is None else settings["urls.properties"]
    emails, tokens = settings.get("urls.redact_emails"), settings.get("urls.redact_tokens")
    rules = settings.get("urls.clean") or []
    parameters = set(map(lower, settings.get("urls.redact_parameters") or [])) | (set(SECRETS) if tokens else set())
    if not (emails or tokens or rules or parameters):
        return
    for key, fields in everywhere(event):
        for name in names:
            url = fields.get(name)
            if not is_text(url) or not url or url.startswith("$"):
                continue
            rewritten = rewrite(url, rules, parameters, emails, tokens)
            if rewritten != url:
                fields[name] = rewritten
                if key:
                    event.changed.add(key)


def rewrite(url, rules, parameters, emails, tokens):
    before, authority, path, query, fragment = split(url)
    if tokens and "@" in authority:
        authority = "redacted@" + host(authority)
    head, tail = cut_bytes_apart(path, CLEANED_BYTES) if rules else (path, "")
    for rule in rules:
        if len(head.encode()) <= CLEANED_BYTES:
            head = re.sub(rule["pattern"], lambda found: rule["replacement"] if found[0] else "", head)
    rest = head + tail
    if query is not None:
        rest += "?" + redacted(query, parameters)
    if fragment is not None:
        route, mark, inner = fragment.partition("?")
        rest += "#" + (route + mark + redacted(inner, parameters) if mark else redacted(fragment, parameters))
    if emails:
        rest = re.sub(r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9.-]+\.[A-Za-z]{2,}", "redacted", rest)
    if tokens:
        rest = re.sub(r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?", "redacted", rest)
        rest = re.sub(r"[A-Za-z0-9]{32,}", lambda found: "redacted" if re.search("[0-9]", found[0]) and re.search("[A-Za-z]", found[0]) else found[0], rest)
    return before + authority + rest


def cut_bytes_apart(text, limit):
    if len(text.encode()) <= limit:
        return text, ""
    raise model.Open  # a character that is cut in two is searched by its bytes


def redacted(text, parameters):
    parts = []
    for parameter in text.split("&"):
        name, equals, value = parameter.partition("=")
        raw = urllib.parse.unquote_to_bytes(name.replace("+", " ").encode())
        if value and lower(raw.decode("utf-8", "surrogateescape")) in parameters:
            value = "redacted"
        parts.append(name + equals + value)
    return "&".join(parts)


def hashed(value, salt):
    if is_text(value):
        text = value
    elif isinstance(value, Number):
        text = str(value)
    elif value is True or value is False:
        text = "true" if value else "false"
    else:
        return Anything()
    return hashlib.sha256(salt.encode() + text.encode()).hexdigest()


def privacy(event, settings):
    salt = settings.get("salt", "")
    drop = list(settings.get("privacy.drop") or [])
    hashes = list(settings.get("privacy.hash") or [])
    if not salt:
        drop, hashes = drop + hashes, []
    for key, fields in everywhere(event):
        for name in drop:
            if name in fields:
                del fields[name]
                if key:
                    event.changed.add(key)
        for name in hashes:
            if is_set(fields.get(name)):
                fields[name] = hashed(fields[name], salt)
                if key:
                    event.changed.add(key)
    address = event.properties.get("$ip")
    if settings.get("privacy.ip") == "truncate" and is_set(address):
        try:
            if not is_text(address) or "%" in address:
                raise ValueError
            parsed = ipaddress.ip_address(address)
            size = 24 if parsed.version == 4 else 48
            event.properties["$ip"] = str(ipaddress.ip_network((address, size), strict=False).network_address)
        except ValueError:
            del event.properties["$ip"]


# Promotion


def promote(event):
    found = [key for key in PERSON_KEYS + CAMPAIGN_KEYS if key in event.properties]
    if not found:
        return
    for target, name in (("$set", lambda key: key), ("$set_once", lambda key: "$initial_" + key.removeprefix("$"))):
        fields = event.sets[target]
        before = dict(fields)
        for key in found:
            fields.setdefault(name(key), event.properties[key])
        if name("$os_name") in fields:
            if not is_set(fields.get(name("$os"))):
                fields[name("$os")] = fields[name("$os_name")]
            del fields[name("$os_name")]
        if fields != before:
            event.changed.add(target)
