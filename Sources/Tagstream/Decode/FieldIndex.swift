#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The properties that have a meaning to the pipeline itself, by index on the tape; -1 where the event has none.
struct SpecialProperties {
    var elementsChain: Int32 = -1
    var elements: Int32 = -1
    var ip: Int32 = -1
    var set: Int32 = -1
    var setOnce: Int32 = -1
    var unset: Int32 = -1
    var sentAt: Int32 = -1
    var sessionID: Int32 = -1
    var processPersonProfile: Int32 = -1
    var ignoreSentAt: Int32 = -1
    var token: Int32 = -1
    var verified: Int32 = -1
    var groups: Int32 = -1

    private static let names: [StaticString] = [
        "$elements_chain", "$elements", "$ip", "$set", "$set_once", "$unset", "$sent_at", "$session_id",
        "$process_person_profile", "$ignore_sent_at", "token",
        "$verified", "$groups",
    ]

    /// One bit for each value of a hash's lowest nine bits that a name takes: most keys of most events end here.
    fileprivate static let filter: [UInt64] = {
        var bits = [UInt64](repeating: 0, count: 8)
        for name in names {
            let hash = keyHash(of: Array(name.description.utf8))
            bits[Int(hash >> 6 & 7)] |= 1 << UInt64(hash & 63)
        }
        return bits
    }()

    /// Notes a field whose hash passed ``filter``; a later one of the same name wins.
    fileprivate mutating func note(_ key: UnsafeRawBufferPointer, _ index: Int32) {
        switch key.count {
        case 3: if equals(key, "$ip") { ip = index }
        case 4: if equals(key, "$set") { set = index }
        case 5: if equals(key, "token") { token = index }
        case 6: if equals(key, "$unset") { unset = index }
        case 7: if equals(key, "$groups") { groups = index }
        case 8: if equals(key, "$sent_at") { sentAt = index }
        case 9:
            if equals(key, "$elements") {
                elements = index
            } else if equals(key, "$verified") {
                verified = index
            } else if equals(key, "$set_once") {
                setOnce = index
            }
        case 11: if equals(key, "$session_id") { sessionID = index }
        case 15:
            if equals(key, "$elements_chain") {
                elementsChain = index
            } else if equals(key, "$ignore_sent_at") {
                ignoreSentAt = index
            }
        case 23: if equals(key, "$process_person_profile") { processPersonProfile = index }
        default: break
        }
    }
}

/// Finds duplicate keys and the special properties of a section, in one walk.
///
/// The naive way compares every key with every other, or fills a dictionary. Here a table of (epoch, index) pairs is probed with
/// the hash that the scanner left on the tape; the epoch makes clearing unnecessary. An event whose author crafted colliding keys
/// would make the probes long, so they are bounded: past the bound the section is sorted instead, which nobody can slow down.
struct FieldIndex: ~Copyable {
    private var table: UnsafeMutablePointer<UInt64>
    private var capacity: Int
    /// The number of the section; 32 bits of a slot hold it, so it begins anew when they are used up.
    private var epoch: UInt64
    private static let longestProbe = 16
    /// A copy of ``SpecialProperties/filter``, so that no global is asked for every key.
    private let filter: UnsafeMutablePointer<UInt64>

    /// Makes an index.
    ///
    /// - Parameter epoch: how many sections count as seen; tests begin shortly before the number begins anew.
    init(epoch: UInt32 = 0) {
        self.epoch = UInt64(epoch)
        filter = .allocate(capacity: 8)
        filter.initialize(from: SpecialProperties.filter, count: 8)
        capacity = 1 << 8
        table = .allocate(capacity: capacity)
        table.initialize(repeating: 0, count: capacity)
    }

    deinit {
        table.deallocate()
        filter.deallocate()
    }

    /// Marks superseded fields of a section and returns how many there are.
    mutating func mark(
        _ section: Section,
        of fields: inout FieldTape,
        bytes: borrowing ByteArena,
        scratch: inout ByteArena,
        special: inout SpecialProperties
    ) -> Int {
        let first = Int(section.first)
        let count = Int(section.count)
        if count * 2 > capacity { grow(to: count * 2) }
        // A small event uses a small part of the table: it stays in the nearest cache.
        let mask = max(64, (count * 2).nextPowerOfTwo) - 1
        epoch &+= 1
        if epoch > UInt64(UInt32.max) { restart() }
        var duplicates = 0
        for index in first..<(first &+ count) {
            let field = fields.base + index
            if field.pointee.value.flags.contains(.keyEscaped) {
                field.pointee.keyHash = Self.hashDecodedKey(field.pointee, bytes, &scratch)
            }
            let hash = field.pointee.keyHash
            if filter[Int(hash >> 6 & 7)] >> UInt64(hash & 63) & 1 == 1 {
                special.note(Self.key(field.pointee, bytes, &scratch), Int32(truncatingIfNeeded: index))
            }
            var slot = Int(hash) & mask
            if table[slot] >> 32 == epoch {
                guard let free = probe(&slot, mask, field.pointee, fields, bytes, &scratch) else {
                    return Self.markSorted(first, count, &fields, bytes, &scratch, &special)
                }
                if !free { duplicates &+= 1 }
            }
            table[slot] = epoch << 32 | UInt64(truncatingIfNeeded: index)
        }
        return duplicates
    }

    /// Goes on from a taken slot to the field's own: one that is free (true), or that of an earlier field of the same
    /// key, which is marked (false).
    ///
    /// Nil when that takes too long.
    private func probe(
        _ slot: inout Int,
        _ mask: Int,
        _ field: Field,
        _ fields: borrowing FieldTape,
        _ bytes: borrowing ByteArena,
        _ scratch: inout ByteArena
    ) -> Bool? {
        for _ in 0..<Self.longestProbe {
            guard table[slot] >> 32 == epoch else { return true }
            let other = fields.base + Int(table[slot] & 0xFFFF_FFFF)
            if other.pointee.keyHash == field.keyHash, Self.sameKey(other.pointee, field, bytes, &scratch) {
                other.pointee.value.flags.insert(.superseded)
                return false
            }
            slot = (slot &+ 1) & mask
        }
        return nil
    }

    /// Forgets every section: a number that comes a second time must not find what was left under the first.
    @inline(never)
    private mutating func restart() {
        table.update(repeating: 0, count: capacity)
        epoch = 1
    }

    private mutating func grow(to needed: Int) {
        let larger = needed.nextPowerOfTwo
        table.deallocate()
        table = .allocate(capacity: larger)
        table.initialize(repeating: 0, count: larger)
        capacity = larger
    }

    private static func key(_ field: Field, _ bytes: borrowing ByteArena, _ scratch: inout ByteArena)
        -> UnsafeRawBufferPointer
    {
        let written = bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        guard field.value.flags.contains(.keyEscaped) else { return written }
        scratch.removeAll()
        scratch.append(decoding: written, marker: field.value.flags.contains(.plain) ? 1 : 2)
        return scratch.bytes(0, scratch.count)
    }

    private static func hashDecodedKey(_ field: Field, _ bytes: borrowing ByteArena, _ scratch: inout ByteArena)
        -> UInt32
    {
        let key = key(field, bytes, &scratch)
        return keyHash(key.baseAddress!, key.count)
    }

    private static func sameKey(
        _ one: Field,
        _ other: Field,
        _ bytes: borrowing ByteArena,
        _ scratch: inout ByteArena
    ) -> Bool {
        if one.value.flags.union(other.value.flags).contains(.keyEscaped) {
            let first = Array(key(one, bytes, &scratch))
            return first.elementsEqual(key(other, bytes, &scratch))
        }
        return one.keyLength == other.keyLength
            && memcmp(bytes.base + Int(one.keyOffset), bytes.base + Int(other.keyOffset), Int(one.keyLength)) == 0
    }

    /// The way for hostile keys: n log n comparisons whatever the keys are.
    ///
    /// Allocates.
    private static func markSorted(
        _ first: Int,
        _ count: Int,
        _ fields: inout FieldTape,
        _ bytes: borrowing ByteArena,
        _ scratch: inout ByteArena,
        _ special: inout SpecialProperties
    ) -> Int {
        var keys: [(key: [UInt8], index: Int)] = []
        keys.reserveCapacity(count)
        for index in first..<(first + count) {
            fields[index].value.flags.remove(.superseded)
            let text = Array(key(fields[index], bytes, &scratch))
            fields[index].keyHash = keyHash(of: text)
            text.withUnsafeBytes { special.note($0, Int32(index)) }
            keys.append((text, index))
        }
        keys.sort { $0.key == $1.key ? $0.index < $1.index : $0.key.lexicographicallyPrecedes($1.key) }
        var duplicates = 0
        for (one, next) in zip(keys, keys.dropFirst()) where one.key == next.key {
            fields[one.index].value.flags.insert(.superseded)
            duplicates += 1
        }
        return duplicates
    }
}

extension Int {
    /// The smallest power of two that is not less.
    var nextPowerOfTwo: Int { self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount) }
}
