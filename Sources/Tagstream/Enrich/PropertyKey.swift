/// The properties that enrichments read or write, each with a number: the place of its slot.
///
/// The first ``promotedCount`` are those that promotion copies to the person, in the order of events.md §5.
enum PropertyKey: Int, CaseIterable {
    case appBuild, appName, appNamespace, appVersion, browser, browserVersion, deviceType, currentURL, pathname
    case os, osName, osVersion, referringDomain, referrer, screenHeight, screenWidth, viewportHeight, viewportWidth
    case rawUserAgent
    case utmSource, utmMedium, utmCampaign, utmContent, utmName, utmTerm
    case gclid, gadSource, gclsrc, dclid, gbraid, wbraid, fbclid, msclkid, twclid, liFatID, mcCID, igshid, ttclid
    case rdtCID, irclid, kx, epik, qclid, sccid
    // Behind the promoted ones.
    case set, setOnce, ip, geoipDisable, userAgentPlain, userAgentDashed, userAgentUnderscored
    case device, deviceBrand, deviceModel, browserType, isBot, referrerType, referrerName

    /// The key's bit among ``Enricher/present``, which has one for each case.
    @inline(__always)
    var bit: UInt64 { 1 << UInt64(rawValue) }

    /// The keys that promotion copies.
    static let promotedCount = 44
    /// The keys of a campaign: those that the query of a URL may bring.
    static let campaign = PropertyKey.utmSource.rawValue..<promotedCount

    /// The names as properties are called, in the order of the cases.
    static let names: [StaticString] = [
        "$app_build", "$app_name", "$app_namespace", "$app_version", "$browser", "$browser_version", "$device_type",
        "$current_url", "$pathname", "$os", "$os_name", "$os_version", "$referring_domain", "$referrer",
        "$screen_height", "$screen_width", "$viewport_height", "$viewport_width", "$raw_user_agent",
        "utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_name", "utm_term",
        "gclid", "gad_source", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid", "twclid", "li_fat_id",
        "mc_cid", "igshid", "ttclid", "rdt_cid", "irclid", "_kx", "epik", "qclid", "sccid",
        "$set", "$set_once", "$ip", "$geoip_disable", "$useragent", "$user-agent", "$user_agent",
        "$device", "$device_brand", "$device_model", "$browser_type", "$is_bot", "$referrer_type", "$referrer_name",
    ]

    /// The name of a person's first value: `$initial_` and the key without its `$`.
    static func initialName(of name: String) -> String {
        "$initial_" + (name.hasPrefix("$") ? String(name.dropFirst()) : name)
    }
}
