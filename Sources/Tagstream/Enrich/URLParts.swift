/// Where the parts of a URL lie in its text: `scheme://authority/path?query#fragment`; a text without `://` begins with its path.
///
/// Splits only, as a browser's address bar shows it; nothing is decoded and nothing refused.
struct URLParts {
    /// Host and port with what stands before an `@`; empty where there is no `://`.
    var authority: Range<Int>
    var path: Range<Int>
    /// Behind the `?`; nil without one.
    var query: Range<Int>?
    /// Behind the `#`; nil without one.
    var fragment: Range<Int>?

    /// The longest name of a scheme.
    private static let longestScheme = 32

    init(_ text: UnsafeRawBufferPointer) {
        var start = 0
        var slash = 0
        if let colon = firstIndex(of: 0x3A, in: text, 0..<min(text.count, Self.longestScheme)), colon > 0,
            colon &+ 2 < text.count, text[colon &+ 1] == 0x2F, text[colon &+ 2] == 0x2F,
            text[..<colon].allSatisfy(Self.belongsToScheme)
        {
            start = colon &+ 3
            slash = start
            while slash < text.count, text[slash] != 0x2F, text[slash] != 0x3F, text[slash] != 0x23 { slash &+= 1 }
        }
        authority = start..<slash
        let hash = firstIndex(of: 0x23, in: text, slash..<text.count)
        let end = hash ?? text.count
        let mark = firstIndex(of: 0x3F, in: text, slash..<end)
        path = slash..<(mark ?? end)
        query = mark.map { ($0 &+ 1)..<end }
        fragment = hash.map { ($0 &+ 1)..<text.count }
    }

    private static func belongsToScheme(_ byte: UInt8) -> Bool {
        byte | 0x20 &- 0x61 < 26 || isDigit(byte) || byte == 0x2B || byte == 0x2D || byte == 0x2E
    }

    /// The host and its port: the authority without what stands before an `@`.
    func host(_ text: UnsafeRawBufferPointer) -> Range<Int> {
        guard let sign = text[authority].lastIndex(of: 0x40) else { return authority }
        return (sign &+ 1)..<authority.upperBound
    }
}

/// The parameters of a query, one after the other: `name=value&name=value`.
struct QueryParameters {
    private let end: Int
    private var position: Int

    init(_ range: Range<Int>) {
        position = range.lowerBound
        end = range.upperBound
    }

    /// One parameter; without an equals sign the value is empty and begins at the parameter's end.
    struct Parameter {
        var name: Range<Int>
        var value: Range<Int>
        var hasValue: Bool
    }

    /// The next parameter, which may be empty; nil at the end.
    @inline(__always)
    mutating func next(_ text: UnsafeRawBufferPointer) -> Parameter? {
        guard position <= end else { return nil }
        let start = position
        var equals = -1
        while position < end, text[position] != 0x26 {
            if equals < 0, text[position] == 0x3D { equals = position }
            position &+= 1
        }
        let stop = position
        position &+= 1
        guard equals >= 0 else { return Parameter(name: start..<stop, value: stop..<stop, hasValue: false) }
        return Parameter(name: start..<equals, value: (equals &+ 1)..<stop, hasValue: true)
    }
}
