import CRE2

/// Takes out of URLs what a person would not want to see in a report: values of named parameters, e-mail addresses, credentials.
///
/// Immutable; the arenas it works in belong to the caller.
final class URLRedactor: Sendable {
    /// What stands in the place of what was taken out.
    static let mark: StaticString = "redacted"

    /// Parameters whose values are secrets by their names, compared without regard to case.
    static let secretParameters = [
        "access_token", "api_key", "apikey", "auth", "authorization", "client_secret", "code", "id_token", "jwt", "key",
        "password", "passwd", "pwd", "refresh_token", "reset_token", "secret", "session", "session_id", "sessionid",
        "sid", "sig", "signature", "ticket", "token",
    ]
    /// An e-mail address, its sign also percent-encoded.
    static let emailPattern = #"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9.-]+\.[A-Za-z]{2,}"#
    /// A JSON Web Token.
    static let tokenPattern = #"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?"#
    /// A run of letters and digits, with both in it, is taken for a token from this length on.
    static let opaqueLength = 32

    private let redactsEmails: Bool
    private let redactsTokens: Bool
    private let parameters: KeyTable?
    private let email: Pattern?
    private let token: Pattern?

    init(_ settings: EnrichmentSettings) {
        redactsEmails = settings.redactsEmails
        redactsTokens = settings.redactsTokens
        let names =
            settings.redactedParameters.map { name in
                String(decoding: name.utf8.map { $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }, as: UTF8.self)
            }
            + (settings.redactsTokens ? Self.secretParameters : [])
        parameters = names.isEmpty ? nil : KeyTable(Array(Set(names)).sorted())
        email = settings.redactsEmails ? try? Pattern.compile(Array(Self.emailPattern.utf8)).get() : nil
        token = settings.redactsTokens ? try? Pattern.compile(Array(Self.tokenPattern.utf8)).get() : nil
    }

    /// Appends a URL as it may be stored; returns whether anything was changed.
    ///
    /// Linear in bytes.
    func rewrite(
        _ text: UnsafeRawBufferPointer,
        _ cleaner: PathCleaner,
        into out: inout ByteArena,
        with other: inout ByteArena
    ) -> Bool {
        let start = out.count
        let parts = URLParts(text)
        out.append(UnsafeRawBufferPointer(rebasing: text[..<parts.authority.lowerBound]))
        let host = parts.host(text)
        if redactsTokens, host.lowerBound > parts.authority.lowerBound {
            out.append(Self.mark)
            out.append(UnsafeRawBufferPointer(rebasing: text[(host.lowerBound &- 1)..<host.upperBound]))
        } else {
            out.append(UnsafeRawBufferPointer(rebasing: text[parts.authority]))
        }
        let behindHost = out.count
        let path = UnsafeRawBufferPointer(rebasing: text[parts.path])
        if cleaner.isEmpty { out.append(path) } else { cleaner.clean(path, into: &out, with: &other) }
        if let query = parts.query {
            out.append("?")
            append(parameters: query, of: text, into: &out, &other)
        }
        if let fragment = parts.fragment {
            out.append("#")
            append(fragment: fragment, of: text, into: &out, &other)
        }
        if let email, Self.mayHaveEmail(out.bytes(behindHost, out.count &- behindHost)) {
            Self.replace(email, behindHost, &out, &other)
        }
        if let token {
            let rest = out.bytes(behindHost, out.count &- behindHost)
            if tagstream_find(rest.baseAddress, rest.count, "eyJ", 3) >= 0 {
                Self.replace(token, behindHost, &out, &other)
            }
            Self.replaceOpaque(behindHost, &out, &other)
        }
        let result = out.bytes(start, out.count &- start)
        return !TextSearch.equal(result, text)
    }

    /// A fragment may hold parameters, behind a question mark or all of it.
    private func append(
        fragment: Range<Int>,
        of text: UnsafeRawBufferPointer,
        into out: inout ByteArena,
        _ scratch: inout ByteArena
    ) {
        if let mark = firstIndex(of: 0x3F, in: text, fragment) {
            out.append(UnsafeRawBufferPointer(rebasing: text[fragment.lowerBound...mark]))
            append(parameters: (mark &+ 1)..<fragment.upperBound, of: text, into: &out, &scratch)
        } else {
            append(parameters: fragment, of: text, into: &out, &scratch)
        }
    }

    private func append(
        parameters range: Range<Int>,
        of text: UnsafeRawBufferPointer,
        into out: inout ByteArena,
        _ scratch: inout ByteArena
    ) {
        guard let parameters else { return out.append(UnsafeRawBufferPointer(rebasing: text[range])) }
        var all = QueryParameters(range)
        var isFirst = true
        while let one = all.next(text) {
            if !isFirst { out.append("&") }
            isFirst = false
            out.append(UnsafeRawBufferPointer(rebasing: text[one.name]))
            if one.hasValue { out.append("=") }
            scratch.removeAll()
            scratch.append(
                percentDecoding: UnsafeRawBufferPointer(rebasing: text[one.name]),
                plusIsBlank: true
            )
            scratch.lowerASCII(from: 0)
            if !one.value.isEmpty, parameters.number(of: scratch.bytes(0, scratch.count)) >= 0 {
                out.append(Self.mark)
            } else {
                out.append(UnsafeRawBufferPointer(rebasing: text[one.value]))
            }
        }
    }

    // MARK: Within the text

    private static func mayHaveEmail(_ text: UnsafeRawBufferPointer) -> Bool {
        firstIndex(of: 0x40, in: text, 0..<text.count) != nil
            || tagstream_find(text.baseAddress, text.count, "%40", 3) >= 0
    }

    /// Writes the mark over everything behind `start` that a pattern matches.
    private static func replace(
        _ pattern: Pattern,
        _ start: Int,
        _ out: inout ByteArena,
        _ other: inout ByteArena
    ) {
        other.removeAll()
        let text = out.bytes(start, out.count &- start)
        var from = 0
        while from < text.count, let found = pattern.span(in: text, from: from), !found.isEmpty {
            other.append(UnsafeRawBufferPointer(rebasing: text[from..<found.lowerBound]))
            other.append(mark)
            from = found.upperBound
        }
        guard from > 0 else { return }
        other.append(UnsafeRawBufferPointer(rebasing: text[from...]))
        out.truncate(to: start)
        out.append(other.bytes(0, other.count))
    }

    /// Writes the mark over long runs of letters and digits, in place: the mark is shorter than they are.
    private static func replaceOpaque(_ start: Int, _ out: inout ByteArena, _ other: inout ByteArena) {
        other.removeAll()
        let text = out.bytes(start, out.count &- start)
        var copied = 0
        var index = 0
        while index < text.count {
            var letters = false
            var digits = false
            let first = index
            while index < text.count {
                let byte = text[index]
                if isDigit(byte) {
                    digits = true
                } else if byte | 0x20 &- 0x61 < 26 {
                    letters = true
                } else {
                    break
                }
                index &+= 1
            }
            if letters, digits, index &- first >= opaqueLength {
                other.append(UnsafeRawBufferPointer(rebasing: text[copied..<first]))
                other.append(mark)
                copied = index
            }
            index &+= 1
        }
        guard copied > 0 else { return }
        other.append(UnsafeRawBufferPointer(rebasing: text[copied...]))
        out.truncate(to: start)
        out.append(other.bytes(0, other.count))
    }
}

extension ByteArena {
    /// Appends a literal, growing where needed.
    mutating func append(_ literal: StaticString) {
        append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    /// Makes ASCII letters from an offset on lower-case.
    mutating func lowerASCII(from start: Int) {
        for index in start..<count {
            let byte = base.load(fromByteOffset: index, as: UInt8.self)
            if byte &- 0x41 < 26 { base.storeBytes(of: byte | 0x20, toByteOffset: index, as: UInt8.self) }
        }
    }
}
