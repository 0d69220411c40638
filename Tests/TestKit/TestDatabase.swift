import Tagstream

/// A value of a MaxMind DB that a test writes.
package indirect enum TestDatabaseValue: Sendable {
    case text(String)
    case double(Double)
    case uint16(UInt16)
    case uint32(UInt32)
    case uint64(UInt64)
    case boolean(Bool)
    case map([(String, TestDatabaseValue)])
    case array([TestDatabaseValue])
    /// Points to an offset of the data section, whatever is there.
    case pointer(Int)
    /// Bytes as they are.
    case raw([UInt8])

    /// The value as the format writes it (its specification, version 2.0).
    package var encoded: [UInt8] {
        switch self {
        case .text(let text): return Self.head(2, text.utf8.count) + Array(text.utf8)
        case .double(let number): return Self.head(3, 8) + Self.bigEndian(number.bitPattern, 8)
        case .uint16(let number): return Self.head(5, 2) + Self.bigEndian(UInt64(number), 2)
        case .uint32(let number): return Self.head(6, 4) + Self.bigEndian(UInt64(number), 4)
        case .uint64(let number): return Self.head(9, 8) + Self.bigEndian(number, 8)
        case .boolean(let value): return Self.head(14, value ? 1 : 0)
        case .map(let members):
            return Self.head(7, members.count) + members.flatMap { Self.text($0.0).encoded + $0.1.encoded }
        case .array(let values): return Self.head(11, values.count) + values.flatMap(\.encoded)
        case .pointer(let offset): return [0b0011_1000] + Self.bigEndian(UInt64(offset), 4)
        case .raw(let bytes): return bytes
        }
    }

    /// The bytes with which a value of a kind and a size begins.
    package static func head(_ kind: Int, _ size: Int) -> [UInt8] {
        let (small, more): (Int, [UInt8]) =
            switch size {
            case 0..<29: (size, [])
            case 29..<285: (29, bigEndian(UInt64(size - 29), 1))
            case 285..<65_821: (30, bigEndian(UInt64(size - 285), 2))
            default: (31, bigEndian(UInt64(size - 65_821), 3))
            }
        // Kinds above 7 have their number in a byte of its own.
        return kind < 8 ? [UInt8(kind << 5 | small)] + more : [UInt8(small), UInt8(kind - 7)] + more
    }

    package static func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
    }
}

/// Writes small MaxMind DB files, good ones and broken ones.
package struct TestDatabase {
    package var type = "Test-City"
    package var recordBits = 28
    package var ipVersion = 6
    package var buildEpoch: UInt64 = 1_760_000_000
    /// What stands before the records' values in the data section.
    package var preamble: [UInt8] = []
    /// The description's members, if they shall be others.
    package var description: [(String, TestDatabaseValue)]?
    /// How many nodes the description tells; nil for as many as there are.
    package var toldNodes: UInt32?
    private var nodes: [(Child, Child)] = [(.none, .none)]
    private var values: [TestDatabaseValue] = []

    private enum Child {
        case none
        case node(Int)
        case value(Int)
    }

    package init() {}

    /// Adds a network, such as `192.0.2.0/24` or `2001:db8::/32`, with its record.
    package mutating func add(_ network: String, _ value: TestDatabaseValue) {
        let parts = network.split(separator: "/")
        var text = String(parts[0])
        guard let address = text.withUTF8({ InternetAddress(UnsafeRawBufferPointer($0)) }), let length = Int(parts[1])
        else {
            preconditionFailure("a test's network is \(network)")
        }
        var bits = address.isIPv4 ? (0..<32).map { place -> Bool in (address.low >> UInt64(31 - place)) & 1 == 1 } : []
        if !address.isIPv4 {
            bits = (0..<128).map { place -> Bool in
                let word = place < 64 ? address.high : address.low
                return (word >> UInt64(63 - place % 64)) & 1 == 1
            }
        } else if ipVersion == 6 {
            bits = Array(repeating: false, count: 96) + bits
        }
        bits = Array(bits.prefix(length + (address.isIPv4 && ipVersion == 6 ? 96 : 0)))
        values.append(value)
        var node = 0
        for bit in bits.dropLast() {
            if case .node(let next) = bit ? nodes[node].1 : nodes[node].0 {
                node = next
            } else {
                nodes.append((.none, .none))
                let next = nodes.count - 1
                if bit { nodes[node].1 = .node(next) } else { nodes[node].0 = .node(next) }
                node = next
            }
        }
        if bits.last == true {
            nodes[node].1 = .value(values.count - 1)
        } else {
            nodes[node].0 = .value(values.count - 1)
        }
    }

    /// The file.
    package var bytes: [UInt8] {
        var data = preamble
        var offsets: [Int] = []
        for value in values {
            offsets.append(data.count)
            data += value.encoded
        }
        var file: [UInt8] = []
        for (left, right) in nodes {
            func number(_ child: Child) -> UInt64 {
                switch child {
                case .none: UInt64(nodes.count)
                case .node(let node): UInt64(node)
                case .value(let index): UInt64(nodes.count + 16 + offsets[index])
                }
            }
            let (one, other) = (number(left), number(right))
            switch recordBits {
            case 28:
                file += TestDatabaseValue.bigEndian(one & 0xFF_FFFF, 3)
                let (high, low) = (UInt8(one >> 24), UInt8(other >> 24))
                file.append(high << 4 | low)
                file += TestDatabaseValue.bigEndian(other & 0xFF_FFFF, 3)
            default:
                file +=
                    TestDatabaseValue.bigEndian(one, recordBits / 8)
                    + TestDatabaseValue.bigEndian(other, recordBits / 8)
            }
        }
        file += [UInt8](repeating: 0, count: 16) + data
        file += [0xAB, 0xCD, 0xEF] + Array("MaxMind.com".utf8)
        file += TestDatabaseValue.map(description ?? standardDescription).encoded
        return file
    }

    /// What a description says.
    package var standardDescription: [(String, TestDatabaseValue)] {
        [
            ("binary_format_major_version", .uint16(2)), ("binary_format_minor_version", .uint16(0)),
            ("build_epoch", .uint64(buildEpoch)), ("database_type", .text(type)),
            ("description", .map([("en", .text("written by a test"))])), ("ip_version", .uint16(UInt16(ipVersion))),
            ("languages", .array([.text("en")])), ("node_count", .uint32(toldNodes ?? UInt32(nodes.count))),
            ("record_size", .uint16(UInt16(recordBits))),
        ]
    }

    /// A record as a City database has it.
    package static func city(_ name: String, country: String, code: String, latitude: Double, longitude: Double)
        -> TestDatabaseValue
    {
        .map([
            ("city", .map([("confidence", .uint16(80)), ("geoname_id", .uint32(7)), ("names", names(name))])),
            ("continent", .map([("code", .text("EU")), ("names", names("Europe"))])),
            ("country", .map([("iso_code", .text(code)), ("names", names(country))])),
            (
                "location",
                .map([
                    ("accuracy_radius", .uint16(20)), ("latitude", .double(latitude)),
                    ("longitude", .double(longitude)),
                    ("time_zone", .text("Europe/Berlin")),
                ])
            ),
            ("postal", .map([("code", .text("53111"))])),
            (
                "subdivisions",
                .array([
                    .map([("iso_code", .text("NW")), ("names", names("North Rhine-Westphalia"))]),
                    .map([("iso_code", .text("K")), ("names", names("Cologne \"Region\""))]),
                ])
            ),
        ])
    }

    private static func names(_ english: String) -> TestDatabaseValue {
        .map([("de", .text(english + " (de)")), ("en", .text(english))])
    }

    /// A database of a few networks.
    package static var sample: TestDatabase {
        var database = TestDatabase()
        database.add("81.2.69.0/24", city("Bonn", country: "Germany", code: "DE", latitude: 50.7358, longitude: 7))
        database.add(
            "2a02:db80::/32",
            city("Saint-Étienne \\ \"Loire\"", country: "France", code: "FR", latitude: 45.43, longitude: 4.39)
        )
        database.add("89.160.20.112/28", .map([("country", .map([("iso_code", .text("SE"))]))]))
        return database
    }
}
