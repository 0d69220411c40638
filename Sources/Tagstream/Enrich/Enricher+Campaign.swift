extension Enricher {
    /// The most parameters of a query that are looked at, and the longest query in bytes.
    static let mostParameters = 100
    static let longestQuery = 8192
    /// The longest value that is taken over, in bytes.
    static let longestCampaignValue = 1024

    /// Takes `utm_*` and click ids from the query of `$current_url`, where the event does not have them.
    ///
    /// The first parameter of a name counts. Values are percent-decoded, `+` is a blank, and what is not UTF-8 then becomes U+FFFD.
    mutating func readCampaign(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        let url = value(.currentURL, on: bench)
        guard url.kind == .string,
            // Written with escapes, the question mark may be one of them.
            url.flags.contains(.escaped) || firstIndex(of: 0x3F, in: bench.written(url), 0..<Int(url.length)) != nil,
            let text = read(url, on: bench), let query = URLParts(text).query
        else { return }
        let looked = wholePrefix(of: UnsafeRawBufferPointer(rebasing: text[query]), bytes: Self.longestQuery)
        var parameters = QueryParameters(query.lowerBound..<(query.lowerBound &+ looked.count))
        var count = 0
        while count < Self.mostParameters, let one = parameters.next(text) {
            count &+= 1
            guard !one.value.isEmpty else { continue }
            // Behind the query's last byte lie others of the arena: the hash may read them.
            let number = rules.table.number(of: UnsafeRawBufferPointer(rebasing: text[one.name]))
            guard PropertyKey.campaign.contains(number), !value(number, on: bench).isSet else { continue }
            put(number, text: decoded(text, one.value), to: &valid, rules, on: &bench)
        }
    }

    /// A parameter's value as text, of at most ``longestCampaignValue`` bytes.
    private mutating func decoded(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> UnsafeRawBufferPointer {
        let written = UnsafeRawBufferPointer(rebasing: text[range])
        if !written.contains(where: { $0 == 0x25 || $0 == 0x2B }) {
            return wholePrefix(of: written, bytes: Self.longestCampaignValue)
        }
        spare.removeAll()
        spare.append(percentDecoding: written, plusIsBlank: true)
        made.removeAll()
        made.append(repairing: spare.bytes(0, spare.count))
        return wholePrefix(of: made.bytes(0, made.count), bytes: Self.longestCampaignValue)
    }
}
