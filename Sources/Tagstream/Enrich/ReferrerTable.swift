/// What kind of place a referrer is, in `$referrer_type`.
enum ReferrerKind: Int, CaseIterable {
    case paid, email, search, social, video, ai, `internal`, referral, direct

    /// The value of `$referrer_type`.
    var name: StaticString {
        switch self {
        case .paid: "paid"
        case .email: "email"
        case .search: "search"
        case .social: "social"
        case .video: "video"
        case .ai: "ai"
        case .internal: "internal"
        case .referral: "referral"
        case .direct: "direct"
        }
    }
}

/// The domains of ``ReferrerDomains`` by name.
final class ReferrerTable: Sendable {
    /// One for all: the list is part of the program.
    static let shared = ReferrerTable(ReferrerDomains.list)

    /// What a domain belongs to.
    struct Site: Sendable {
        var kind: ReferrerKind
        var name: [UInt8]
    }

    private let domains: KeyTable
    private let sites: [Site]
    /// The most labels of a host that are looked at.
    private static let mostLabels = 8

    init(_ list: String) {
        var names: [String] = []
        var sites: [Site] = []
        for line in list.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count > 2, let kind = ReferrerKind.allCases.first(where: { $0.name.description == words[0] })
            else { preconditionFailure("the list of referrers has a line \"\(line)\"") }
            let name = Array(words[1].utf8).map { $0 == 0x5F ? 0x20 : $0 }
            for domain in words.dropFirst(2) {
                names.append(domain)
                sites.append(Site(kind: kind, name: name))
            }
        }
        domains = KeyTable(names)
        self.sites = sites
    }

    /// How many domains are known.
    var count: Int { sites.count }

    /// The site of a host in lower case; nil where the list has none.
    ///
    /// The longest suffix of whole labels counts, then the same with a country's domain for `*`. Allocates nothing.
    ///
    /// - Parameters:
    ///   - host: without a port; eight bytes behind it may be read.
    ///   - scratch: is overwritten.
    func site(of host: UnsafeRawBufferPointer, _ scratch: inout ByteArena) -> Site? {
        var start = 0
        for _ in 0..<Self.mostLabels {
            let rest = UnsafeRawBufferPointer(rebasing: host[start...])
            let number = domains.number(of: rest)
            if number >= 0 { return sites[number] }
            guard let dot = rest.firstIndex(of: 0x2E) else { return nil }
            if Self.isCountry(UnsafeRawBufferPointer(rebasing: rest[(dot &+ 1)...])) {
                scratch.removeAll()
                scratch.append(UnsafeRawBufferPointer(rebasing: rest[...dot]))
                scratch.append("*")
                let any = domains.number(of: scratch.bytes(0, scratch.count))
                if any >= 0 { return sites[any] }
            }
            start &+= dot &+ 1
        }
        return nil
    }

    /// Whether what stands behind a name is a country's or another top-level domain: `fr`, `com`, `co.uk`, `com.br`.
    private static func isCountry(_ text: UnsafeRawBufferPointer) -> Bool {
        guard let dot = text.firstIndex(of: 0x2E) else { return 2...3 ~= text.count }
        let second = UnsafeRawBufferPointer(rebasing: text[..<dot])
        let isGeneral = equals(second, "co") || equals(second, "com") || equals(second, "ne")
        let last = text[(dot &+ 1)...]
        return isGeneral && last.count == 2 && !last.contains(0x2E)
    }
}
