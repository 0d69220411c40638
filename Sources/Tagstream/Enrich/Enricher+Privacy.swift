#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Enricher {
    // MARK: URLs

    /// Rewrites the properties that hold URLs, where anything has to be redacted or cleaned.
    mutating func rewriteURLs(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        for number in rules.urls {
            let value = value(Int(number), on: bench)
            guard let rewritten = rewritten(value, rules, on: bench) else { continue }
            put(Int(number), text: rewritten, to: &valid, rules, on: &bench)
        }
    }

    /// What a URL becomes; nil where it stays, or is none (`$direct`).
    private mutating func rewritten(
        _ value: Value,
        _ rules: Enrichments,
        on bench: borrowing Workbench
    ) -> UnsafeRawBufferPointer? {
        guard value.kind == .string, value.length > 0, let url = read(value, on: bench), url.first != 0x24
        else { return nil }
        made.removeAll()
        guard rules.redactor.rewrite(url, rules.cleaner, into: &made, with: &spare) else { return nil }
        return made.bytes(0, made.count)
    }

    // MARK: Properties

    /// Drops and hashes properties, and shortens the address.
    mutating func protect(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        for number in rules.dropped { remove(Int(number), of: &valid, on: bench) }
        for number in rules.hashed where place(Int(number)) >= 0 {
            guard rules.duties[Int(number)].contains(.hash) else {
                remove(Int(number), of: &valid, on: bench)
                continue
            }
            let value = value(Int(number), on: bench)
            guard value.isSet else { continue }
            put(Int(number), text: hash(of: value, rules, on: bench), to: &valid, rules, on: &bench)
        }
        guard rules.settings.address == .truncate else { return }
        let address = value(.ip, on: bench)
        guard address.isSet else { return }
        if let text = read(address, on: bench), truncate(text) {
            put(PropertyKey.ip.rawValue, text: made.bytes(0, made.count), to: &valid, rules, on: &bench)
        } else {
            // What is no address may be several.
            remove(PropertyKey.ip.rawValue, of: &valid, on: bench)
        }
    }

    /// The salted SHA-256 of a value's text, for any other kind of its JSON text, in hexadecimal digits.
    mutating func hash(
        of value: Value,
        _ rules: Enrichments,
        on bench: borrowing Workbench
    ) -> UnsafeRawBufferPointer {
        text.removeAll()
        text.append(rules.settings.salt)
        let written = bench.written(value)
        if value.kind == .string {
            if value.flags.contains(.escaped) {
                text.append(decoding: written, marker: value.flags.contains(.plain) ? 1 : 2)
            } else {
                text.append(written)
            }
        } else {
            text.append(peeling: written)
        }
        made.removeAll()
        SHA256.append(hexOf: text.bytes(0, text.count), to: &made)
        return made.bytes(0, made.count)
    }

    /// Writes an address into ``made`` with its last octet 0, or with 48 bits where it is IPv6; false where it is none.
    private mutating func truncate(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.count < 46, !text.contains(0) else { return false }
        made.removeAll()
        made.reserve(64)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { name in
            withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { address in
                for index in 0..<text.count { name[index] = CChar(bitPattern: text[index]) }
                name[text.count] = 0
                guard let start = name.baseAddress else { return false }
                let family: Int32
                if inet_pton(AF_INET, start, address.baseAddress) == 1 {
                    family = AF_INET
                    address[3] = 0
                } else if inet_pton(AF_INET6, start, address.baseAddress) == 1 {
                    family = AF_INET6
                    for index in 6..<16 { address[index] = 0 }
                } else {
                    return false
                }
                guard inet_ntop(family, address.baseAddress, start, 64) != nil else { return false }
                made.put(start, strlen(start))
                return true
            }
        }
    }

    /// Takes `$ip` away, of the event that was enriched last: after matching, so that actions may still ask for it.
    mutating func removeAddress(of valid: inout ValidEvent, on bench: borrowing Workbench) {
        remove(PropertyKey.ip.rawValue, of: &valid, on: bench)
    }

    // MARK: The person's objects

    /// Does the same to `$set`, `$set_once` and the person's properties, and takes out of them what only GeoIP may write.
    mutating func protectPerson(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        if protect(valid.decoded.event.set, rules, on: &bench) { hasChangedSet = true }
        if protect(valid.decoded.event.setOnce, rules, on: &bench) { hasChangedSetOnce = true }
        if protect(valid.decoded.event.personProperties, rules, on: &bench) {
            // The object as it was written is not what is stored: the row is made of its fields.
            valid.decoded.personObject = .missing
        }
    }

    /// Returns whether anything was changed.
    private mutating func protect(_ section: Section, _ rules: Enrichments, on bench: inout Workbench) -> Bool {
        var hasChanged = false
        for index in Int(section.first)..<Int(section.first &+ section.count) {
            let field = bench.fields[index]
            guard rules.table.mayHave(field.keyHash), !field.value.flags.contains(.superseded) else { continue }
            let number = number(of: field, rules.table, on: bench)
            guard number >= 0 else { continue }
            let duties = rules.duties[number]
            if duties.isEmpty { continue }
            if !duties.isDisjoint(with: [.drop, .geoIP]) {
                bench.fields[index].value.flags.formUnion([.removed, .superseded])
                hasChanged = true
                continue
            }
            let entry = rules.table.entry(number)
            if duties.contains(.url), let url = rewritten(field.value, rules, on: bench) {
                replace(index, entry, by: url, rules, on: &bench)
                hasChanged = true
            }
            let value = bench.fields[index].value
            if duties.contains(.hash), value.isSet {
                replace(index, entry, by: hash(of: value, rules, on: bench), rules, on: &bench)
                hasChanged = true
            }
        }
        return hasChanged
    }

    /// Puts another text in the place of a field's value.
    private func replace(
        _ index: Int,
        _ entry: KeyTable.Entry,
        by content: UnsafeRawBufferPointer,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) {
        bench.bytes.reserve(Int(entry.length) &+ 8 &* content.count &+ 8)
        let field = Self.field(entry, rules.table, text: content, on: &bench)
        bench.fields[index] = field
    }
}
