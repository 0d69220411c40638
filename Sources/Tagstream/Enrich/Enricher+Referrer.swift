extension Enricher {
    /// Click ids that only advertisements carry.
    private static let paidClicks: UInt64 = bits([
        .gclid, .gadSource, .gclsrc, .dclid, .gbraid, .wbraid, .msclkid, .twclid, .liFatID, .ttclid, .rdtCID, .irclid,
        .epik, .qclid, .sccid,
    ])
    /// Click ids of mailings.
    private static let mailClicks: UInt64 = bits([.mcCID, .kx])

    private static func bits(_ keys: [PropertyKey]) -> UInt64 { keys.reduce(0) { $0 | $1.bit } }

    private static let paidMedia = KeyTable([
        "cpc", "ppc", "cpm", "cpv", "cpa", "cpp", "retargeting", "display", "banner", "affiliate", "ad", "ads",
    ])
    private static let mailMedia = KeyTable(["email", "e-mail", "e_mail", "mail", "newsletter"])
    private static let socialMedia = KeyTable([
        "social", "social-network", "social-media", "social_network", "social_media", "sm",
    ])

    /// Writes `$referrer_type` and, where the site is known, `$referrer_name`; and `$referring_domain` where the SDK did not.
    ///
    /// The first rule that applies counts: docs/enrichments.md lists them. An event that says neither where it happened nor where the
    /// visitor came from gets nothing.
    mutating func classifyReferrer(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        remove(PropertyKey.referrerType.rawValue, of: &valid, on: bench)
        remove(PropertyKey.referrerName.rawValue, of: &valid, on: bench)
        let referrer = value(.referrer, on: bench)
        let url = value(.currentURL, on: bench)
        guard referrer.kind == .string || url.kind == .string || value(.referringDomain, on: bench).kind == .string
        else { return }
        let host = host(ofReferrer: referrer, &valid, rules, on: &bench)
        // `host` lies in `made` from its beginning; what follows works in `text` and `spare`.
        let site = host.isEmpty ? nil : ReferrerTable.shared.site(of: made.bytes(host.lowerBound, host.count), &spare)
        let kind = kind(of: site, host, rules, on: bench)
        put(
            PropertyKey.referrerType.rawValue,
            literal: kind.name,
            to: &valid,
            rules,
            on: &bench
        )
        if let site {
            site.name.withUnsafeBytes {
                put(PropertyKey.referrerName.rawValue, text: $0, to: &valid, rules, on: &bench)
            }
        }
    }

    private mutating func put(
        _ number: Int,
        literal: StaticString,
        to valid: inout ValidEvent,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) {
        let text = UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        put(number, text: text, to: &valid, rules, on: &bench)
    }

    // MARK: The host

    /// Leaves the referrer's host, in lower case and without its port, in ``made``; returns its range there, empty without one.
    private mutating func host(
        ofReferrer referrer: Value,
        _ valid: inout ValidEvent,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) -> Range<Int> {
        made.removeAll()
        if referrer.kind == .string, referrer.length > 0 {
            guard let text = read(referrer, on: bench) else { return 0..<0 }
            let isDirect = text.first == 0x24
            let host = isDirect ? 0..<0 : URLParts(text).host(text)
            if isDirect || !host.isEmpty, !value(.referringDomain, on: bench).isSet {
                made.append(isDirect ? text : UnsafeRawBufferPointer(rebasing: text[host]))
                if !isDirect { made.lowerASCII(from: 0) }
                let domain = made.bytes(0, made.count)
                put(PropertyKey.referringDomain.rawValue, text: domain, to: &valid, rules, on: &bench)
                made.removeAll()
            }
            made.append(UnsafeRawBufferPointer(rebasing: text[host]))
        } else if let text = read(value(.referringDomain, on: bench), on: bench), text.first != 0x24 {
            made.append(text)
        }
        made.lowerASCII(from: 0)
        return 0..<Self.withoutPort(made.bytes(0, made.count))
    }

    /// The length of a host without its port.
    private static func withoutPort(_ host: UnsafeRawBufferPointer) -> Int {
        if host.first == 0x5B { return host.firstIndex(of: 0x5D).map { $0 &+ 1 } ?? host.count }
        return firstIndex(of: 0x3A, in: host, 0..<host.count) ?? host.count
    }

    // MARK: The kind

    private mutating func kind(
        of site: ReferrerTable.Site?,
        _ host: Range<Int>,
        _ rules: Enrichments,
        on bench: borrowing Workbench
    ) -> ReferrerKind {
        if isAnyGiven(Self.paidClicks, on: bench) { return .paid }
        let medium = medium(.utmMedium, on: bench)
        if medium == .paid { return .paid }
        if isAnyGiven(Self.mailClicks, on: bench) { return .email }
        if medium == .email || self.medium(.utmSource, on: bench) == .email { return .email }
        if let site { return site.kind }
        if medium == .social { return .social }
        if medium == .search { return .search }
        guard !host.isEmpty else { return .direct }
        return isOwn(host, on: bench) ? .internal : .referral
    }

    /// Whether one of some properties is there and not an empty text.
    private func isAnyGiven(_ keys: UInt64, on bench: borrowing Workbench) -> Bool {
        var found = keys & present
        while found != 0 {
            let value = value(found.trailingZeroBitCount, on: bench)
            if value.isSet, value.kind != .string || value.length > 0 { return true }
            found &= found &- 1
        }
        return false
    }

    /// What `utm_medium` or `utm_source` says of the way, where its word is known.
    private mutating func medium(_ key: PropertyKey, on bench: borrowing Workbench) -> ReferrerKind? {
        guard let written = read(value(key, on: bench), on: bench), 1...64 ~= written.count else { return nil }
        text.lowerASCII(from: 0)
        let word = text.bytes(0, text.count)
        if word.starts(with: [0x70, 0x61, 0x69, 0x64]) || Self.paidMedia.number(of: word) >= 0 { return .paid }
        if Self.mailMedia.number(of: word) >= 0 { return .email }
        if Self.socialMedia.number(of: word) >= 0 { return .social }
        return equals(word, "organic") ? .search : nil
    }

    /// Whether the referrer's host is that of `$current_url`.
    private mutating func isOwn(_ host: Range<Int>, on bench: borrowing Workbench) -> Bool {
        guard let written = read(value(.currentURL, on: bench), on: bench) else { return false }
        let own = URLParts(written).host(written)
        text.lowerASCII(from: 0)
        let name = UnsafeRawBufferPointer(rebasing: text.bytes(0, text.count)[own])
        return TextSearch.equal(
            UnsafeRawBufferPointer(rebasing: name[..<Self.withoutPort(name)]),
            made.bytes(host.lowerBound, host.count)
        )
    }
}
