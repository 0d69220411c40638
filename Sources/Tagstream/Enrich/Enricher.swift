#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The room between normalising and matching: runs a team's enrichments over one event after the other.
///
/// The naive way looks every property up by name for every enrichment. Here the event's fields are walked once, and each that has one
/// of the names of the team's ``KeyTable`` leaves its place on the tape in that name's slot; the enrichments read and write slots.
/// What is added lies on the workbench as the JSON text that the row will contain and on the tape behind the properties that the
/// normaliser added; what is taken away is flagged. So matching sees what will be stored.
///
/// One enricher a lane. Allocates nothing once warm, except for values with escapes that nobody writes.
struct Enricher: ~Copyable {
    /// By number of a name: where the property is on the tape, or -1.
    private var slots: UnsafeMutablePointer<Int32>
    private var capacity = 256
    /// A bit for each ``PropertyKey`` that the event has: what asks for several of them asks once.
    private(set) var present: UInt64 = 0
    /// Decoded texts and what becomes of them: short-lived, emptied by whoever uses them.
    var text = ByteArena(capacity: 1 << 12)
    var made = ByteArena(capacity: 1 << 12)
    var spare = ByteArena(capacity: 1 << 12)
    /// The places of `$set` and `$set_once` among the added properties, kept free from the beginning: what is added to them is known
    /// last, and a section's fields have to lie side by side.
    var setPlace = -1
    /// Whether `$set`, `$set_once` or the person's properties have changed, and their texts have to be written anew.
    var hasChangedSet = false
    var hasChangedSetOnce = false
    /// Whether the event may change its person.
    var updatesPerson = false
    /// What is written to the person beside what is promoted, until ``finish(_:_:on:)``: lent by the cache, for one event.
    var location: GeoIPFinding?
    /// The `$ip` that ``places`` was told to expect; missing where it was not.
    var expectedAddress = Value.missing
    /// What was looked up and rendered of late.
    var places = GeoIPCache()
    var agents = UserAgentCache()

    init() {
        slots = .allocate(capacity: capacity)
        slots.initialize(repeating: -1, count: capacity)
    }

    deinit { slots.deallocate() }

    /// Runs the enrichments that are on, in the order of ``Enrichment``.
    ///
    /// An event that no enrichment changes keeps its bytes.
    mutating func enrich(
        _ valid: inout ValidEvent,
        with rules: Enrichments,
        from tables: EnrichmentTables,
        on bench: inout Workbench,
        counting outages: inout EnrichmentOutages
    ) {
        begin(&valid, rules, on: &bench)
        if rules.active.contains(.userAgent) { readUserAgent(&valid, rules, tables, on: &bench, &outages) }
        if rules.active.contains(.geoIP) { locate(&valid, rules, tables, on: &bench, &outages) }
        if rules.active.contains(.campaign) { readCampaign(&valid, rules, on: &bench) }
        if rules.active.contains(.referrer) { classifyReferrer(&valid, rules, on: &bench) }
        if rules.active.contains(.lookup) { lookUp(&valid, rules, tables, on: &bench, &outages) }
        if rules.active.contains(.urls) { rewriteURLs(&valid, rules, on: &bench) }
        if rules.active.contains(.privacy) { protect(&valid, rules, on: &bench) }
        if rules.hasPersonDuties { protectPerson(&valid, rules, on: &bench) }
        finish(&valid, rules, on: &bench)
    }

    // MARK: The walk

    private mutating func begin(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        let count = rules.table.count
        if count > capacity {
            slots.deallocate()
            capacity = count.nextPowerOfTwo
            slots = .allocate(capacity: capacity)
        }
        expectedAddress = .missing
        if rules.active.contains(.geoIP) { expectAddress(of: valid, rules, on: bench) }
        memset(slots, 0xFF, count &* MemoryLayout<Int32>.stride)
        present = 0
        walk(valid.decoded.event.properties, rules.table, on: bench)
        bench.moveLast(&valid.decoded.event.addedProperties)
        walk(valid.decoded.event.addedProperties, rules.table, on: bench)
        if expectedAddress.kind == .string { places.fetchExpected() }
        setPlace = bench.fields.count
        for _ in 0..<2 { bench.fields.append(Self.noField) }
        hasChangedSet = false
        hasChangedSetOnce = false
        location = nil
        updatesPerson =
            valid.personMode == .full && !equals(bench.written(valid.decoded.event.name), "$groupidentify")
    }

    /// A field that nobody reads.
    private static var noField: Field {
        var value = Value.missing
        value.flags = [.removed, .superseded]
        return Field(keyOffset: 2, keyLength: 0, keyHash: 0, value: value)
    }

    mutating func walk(_ section: Section, _ table: KeyTable, on bench: borrowing Workbench) {
        let filter = table.filter
        var first = Int(section.first)
        let end = first &+ Int(section.count)
        while first < end {
            // First the filter for 64 fields, without a branch that an event could make the processor guess wrongly.
            let fields = bench.fields.base + first
            let count = min(64, end &- first)
            var hits: UInt64 = 0
            for place in 0..<count { hits |= KeyTable.bit(of: fields[place].keyHash, filter) &<< UInt64(place) }
            while hits != 0 {
                let place = hits.trailingZeroBitCount
                hits &= hits &- 1
                if fields[place].value.flags.contains(.superseded) { continue }
                let number = number(of: fields[place], table, on: bench)
                if number >= 0 { note(number, at: first &+ place) }
            }
            first &+= count
        }
    }

    /// The number of a field's key, or -1.
    @inline(__always)
    mutating func number(of field: Field, _ table: KeyTable, on bench: borrowing Workbench) -> Int {
        let written = bench.bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        guard field.value.flags.contains(.keyEscaped) else { return table.number(of: written, field.keyHash) }
        return number(ofEscaped: written, field, table)
    }

    @inline(never)
    private mutating func number(ofEscaped written: UnsafeRawBufferPointer, _ field: Field, _ table: KeyTable) -> Int {
        spare.removeAll()
        spare.append(decoding: written, marker: field.value.flags.contains(.plain) ? 1 : 2)
        return table.number(of: spare.bytes(0, spare.count), field.keyHash)
    }

    // MARK: Slots

    /// The tape's index of a property, or -1 where the event has none.
    @inline(__always)
    func place(_ number: Int) -> Int { Int(slots[number]) }

    /// The value of a property; missing where the event has none.
    @inline(__always)
    func value(_ key: PropertyKey, on bench: borrowing Workbench) -> Value { value(key.rawValue, on: bench) }

    /// The value of a property by its number.
    @inline(__always)
    func value(_ number: Int, on bench: borrowing Workbench) -> Value {
        let index = slots[number]
        return index < 0 ? .missing : bench.fields[Int(index)].value
    }

    /// Whether the event has any of some properties whose numbers follow one another.
    func hasAny(_ numbers: Range<Int>) -> Bool {
        var places: Int32 = -1
        for number in numbers { places &= slots[number] }
        return places != -1
    }

    /// Takes a property away.
    @inline(__always)
    mutating func remove(_ number: Int, of valid: inout ValidEvent, on bench: borrowing Workbench) {
        let index = Int(slots[number])
        guard index >= 0 else { return }
        bench.fields[index].value.flags.formUnion([.removed, .superseded])
        slots[number] = -1
        present &= ~(1 << UInt64(number))
        if index < Int(valid.decoded.event.addedProperties.first) { valid.decoded.hasRemovedProperties = true }
    }

    /// Copies a text value into ``text``, decoded; nil where it is no text.
    mutating func read(_ value: Value, on bench: borrowing Workbench) -> UnsafeRawBufferPointer? {
        guard value.kind == .string else { return nil }
        text.removeAll()
        let written = bench.written(value)
        if value.flags.contains(.escaped) {
            text.append(decoding: written, marker: value.flags.contains(.plain) ? 1 : 2)
        } else {
            text.reserve(written.count)
            text.putShort(written.baseAddress ?? UnsafeRawPointer(text.base), written.count)
        }
        return text.bytes(0, text.count)
    }

    /// Notes where a property lies from now on.
    @inline(__always)
    mutating func note(_ number: Int, at index: Int) {
        slots[number] = Int32(truncatingIfNeeded: index)
        // A larger number has no bit: shifting by 64 and more gives zero.
        present |= 1 << UInt64(number)
    }

    // MARK: Adding

    /// Adds a property in the place of one of the same name.
    ///
    /// - Parameter content: a text that lies on no workbench.
    mutating func put(
        _ number: Int,
        text content: UnsafeRawBufferPointer,
        to valid: inout ValidEvent,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) {
        remove(number, of: &valid, on: bench)
        let entry = rules.table.entry(number)
        bench.bytes.reserve(Int(entry.length) &+ 8 &* content.count &+ 8)
        note(number, at: bench.fields.count)
        let field = Self.field(entry, rules.table, text: content, on: &bench)
        bench.fields.append(field)
    }

    /// Adds a property whose value is the text of a JSON literal or number.
    mutating func put(
        _ number: Int,
        literal: StaticString,
        _ kind: Value.Kind,
        to valid: inout ValidEvent,
        _ rules: Enrichments,
        on bench: inout Workbench
    ) {
        remove(number, of: &valid, on: bench)
        let entry = rules.table.entry(number)
        bench.bytes.reserve(Int(entry.length) &+ literal.utf8CodeUnitCount)
        let key = bench.bytes.count &+ 2
        bench.bytes.putShort(rules.table.text(entry), Int(entry.length))
        let start = bench.bytes.count
        bench.bytes.put(literal)
        let value = Value(
            offset: UInt32(truncatingIfNeeded: start),
            length: UInt32(truncatingIfNeeded: bench.bytes.count &- start),
            kind: kind,
            flags: entry.isEscaped ? .keyEscaped : []
        )
        note(number, at: bench.fields.count)
        bench.fields.append(Self.field(entry, key, value))
    }

    /// Writes `\"NAME\":\"TEXT\"` onto the bench and returns it as a field.
    ///
    /// Room must have been reserved.
    static func field(
        _ entry: KeyTable.Entry,
        _ table: KeyTable,
        text content: UnsafeRawBufferPointer,
        on bench: inout Workbench
    ) -> Field {
        let key = bench.bytes.count &+ 2
        bench.bytes.putShort(table.text(entry), Int(entry.length))
        return field(entry, key, text: content, on: &bench)
    }

    /// Writes `\"TEXT\"` onto the bench and returns it as the value of a field whose key stands there already.
    static func field(
        _ entry: KeyTable.Entry,
        _ key: Int,
        text content: UnsafeRawBufferPointer,
        on bench: inout Workbench
    ) -> Field {
        bench.bytes.put("\\\"")
        let start = bench.bytes.count
        let isEscaped = bench.bytes.append(escapingTwice: content)
        let length = bench.bytes.count &- start
        bench.bytes.put("\\\"")
        var flags: Value.Flags = isEscaped ? .escaped : []
        if entry.isEscaped { flags.insert(.keyEscaped) }
        let value = Value(
            offset: UInt32(truncatingIfNeeded: start),
            length: UInt32(truncatingIfNeeded: length),
            kind: .string,
            flags: flags
        )
        return field(entry, key, value)
    }

    @inline(__always)
    static func field(_ entry: KeyTable.Entry, _ key: Int, _ value: Value) -> Field {
        Field(
            keyOffset: UInt32(truncatingIfNeeded: key),
            keyLength: UInt32(truncatingIfNeeded: Int(entry.length) &- 5),
            keyHash: entry.hash,
            value: value
        )
    }

    // MARK: The end

    /// Closes the section of the added properties, then writes `$set` and `$set_once` into the places that were kept for them.
    private mutating func finish(_ valid: inout ValidEvent, _ rules: Enrichments, on bench: inout Workbench) {
        let first = Int(valid.decoded.event.addedProperties.first)
        valid.decoded.event.addedProperties.count = Int32(bench.fields.count &- first)
        guard updatesPerson else { return }
        let name = bench.written(valid.decoded.event.name)
        let promotes =
            rules.active.contains(.promotion) && !equals(name, "$snapshot") && !equals(name, "$performance_event")
        if promotes || hasChangedSet || hasChangedSetOnce || location != nil {
            writePerson(&valid, rules, promotes: promotes, on: &bench)
        }
    }
}
