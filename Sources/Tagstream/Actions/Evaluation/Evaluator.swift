/// What came of evaluating a condition, a step or an action.
///
/// An error is a third value: it never turns into a false.
enum Outcome: UInt8 {
    case isFalse, isTrue, failed

    @inline(__always)
    init(_ value: Bool) { self = value ? .isTrue : .isFalse }

    @inline(__always)
    func negated(if isNegated: Bool) -> Outcome {
        guard isNegated, self != .failed else { return self }
        return self == .isTrue ? .isFalse : .isTrue
    }

    /// What came of both: false wins, then a failure.
    func and(_ other: Outcome) -> Outcome {
        self == .isFalse || other == .isFalse ? .isFalse : self == .failed || other == .failed ? .failed : .isTrue
    }

    /// What came of either: true wins, then a failure.
    func or(_ other: Outcome) -> Outcome {
        self == .isTrue || other == .isTrue ? .isTrue : self == .failed || other == .failed ? .failed : .isFalse
    }
}

/// Evaluates conditions of one event: the only place where their meaning is written down.
///
/// The index, the linear evaluator and `explain` all ask here, so that they can differ in which conditions they evaluate but not
/// in what one means. It holds what one lane needs: the slots, the elements and an arena for decoded text; all of it is reused,
/// and stale content is told from fresh by the event's number (`epoch`), so that nothing is cleared.
struct Evaluator: ~Copyable {
    /// The event's bytes; valid during one call of the matcher.
    var bench: UnsafeRawPointer
    var event = Event()
    /// The event's name, decoded.
    private var name: TextRange?
    /// The number of the event; zero is never one.
    private(set) var epoch: UInt32 = 0
    var arena = ByteArena(capacity: 1 << 14)
    var slots = Column<Subject>(capacity: 256)
    var memo = Column<UInt32>(capacity: 1024)
    /// Which patterns of a set the last search found.
    var foundInSet = Column<Int32>(capacity: 128)
    var table = ElementTable()
    private var elementsEpoch: UInt32 = 0
    /// How often the event's searches may still empty the cache of an automaton: see ``Pattern/refillsPerEvent``.
    var refills: Int32 = 0
    /// How many conditions were evaluated, not remembered, since the matcher was made.
    var evaluated = 0

    init() { bench = UnsafeRawPointer(arena.base) }

    // MARK: An event

    /// Begins an event: binds the properties that the plan's conditions compare.
    ///
    /// - Returns: whether the numbers of events began anew, so that everything remembered under them has to be forgotten.
    mutating func begin(_ event: Event, on bench: borrowing Workbench, _ tables: PlanTables) -> Bool {
        self.event = event
        self.bench = UnsafeRawPointer(bench.bytes.base)
        arena.removeAll()
        if slots.count < tables.slots.count { slots.resize(to: tables.slots.count, filling: .missing) }
        if memo.count < tables.conditions.count { memo.resize(to: tables.conditions.count, filling: 0) }
        // Two bits of the memo hold the outcome, thirty the number of the event.
        epoch &+= 1
        let restarts = epoch == 1 << 30
        if restarts { restart() }
        name = nil
        refills = Pattern.refillsPerEvent
        bind(event.properties, bench, tables, source: 0)
        bind(event.addedProperties, bench, tables, source: 0)
        // A later binding replaces an earlier one: `$set` wins over the person's, which win over `$set_once`.
        bind(event.setOnce, bench, tables, source: 1)
        bind(event.personProperties, bench, tables, source: 1)
        bind(event.set, bench, tables, source: 1)
        bind(event.groups.0, bench, tables, source: 2)
        bind(event.groups.1, bench, tables, source: 3)
        bind(event.groups.2, bench, tables, source: 4)
        bind(event.groups.3, bench, tables, source: 5)
        bind(event.groups.4, bench, tables, source: 6)
        return restarts
    }

    private mutating func restart() {
        epoch = 1
        elementsEpoch = 0
        for index in 0..<slots.count { slots[index] = .missing }
        for index in 0..<memo.count { memo[index] = 0 }
    }

    private mutating func bind(_ section: Section, _ bench: borrowing Workbench, _ tables: PlanTables, source: Int) {
        guard section.count > 0, !tables.bindings[source].isEmpty else { return }
        let binding = tables.bindings[source]
        let mask = binding.slots.count &- 1
        let fields = bench.fields.base + Int(section.first)
        for index in 0..<Int(section.count) {
            let hash = fields[index].keyHash
            guard binding.filter[Int(hash >> 6 & 7)] >> UInt64(hash & 63) & 1 == 1 else { continue }
            var place = Int(hash) & mask
            while binding.slots[place] >= 0 {
                let slot = binding.slots[place]
                if tables.slots.base[Int(slot)].keyHash == hash, bindField(fields[index], to: slot, tables) { break }
                place = (place &+ 1) & mask
            }
        }
    }

    private mutating func bindField(_ field: Field, to first: Int32, _ tables: PlanTables) -> Bool {
        if field.value.flags.contains(.superseded) { return true }
        let key = tables.bytes(tables.slots[Int(first)].key)
        let written = UnsafeRawBufferPointer(start: bench + Int(field.keyOffset), count: Int(field.keyLength))
        if field.value.flags.contains(.keyEscaped) {
            let start = arena.count
            arena.append(decoding: written, marker: field.value.flags.contains(.plain) ? 1 : 2)
            let isSame = TextSearch.equal(arena.bytes(start, arena.count &- start), key)
            arena.truncate(to: start)
            guard isSame else { return false }
        } else if !TextSearch.equalPadded(written, key) {
            return false
        }
        var slot = first
        while slot >= 0 {
            slots[Int(slot)] = Subject(field.value, epoch: epoch)
            slot = tables.slots[Int(slot)].next
        }
        return true
    }

    /// The subject of a slot, with those that are no fields filled in now.
    @inline(__always)
    mutating func subject(_ slot: Int32, _ tables: PlanTables) -> UnsafeMutablePointer<Subject> {
        let subject = slots.base + Int(slot)
        if subject.pointee.epoch != epoch { fill(slot, tables) }
        return subject
    }

    @inline(never)
    private mutating func fill(_ slot: Int32, _ tables: PlanTables) {
        let flat = tables.slots[Int(slot)]
        var subject = Subject(.missing, epoch: epoch)
        switch flat.kind {
        case .field, .never: break
        case .chain:
            if let text = chainText() { subject = Subject(text: text, epoch: epoch) }
        case .metadata:
            switch PropertySource.Metadata(rawValue: flat.source) {
            case .event: subject = Subject(event.name, epoch: epoch)
            case .uuid: subject = Subject(event.uuid, epoch: epoch)
            case .distinctID: subject = Subject(event.distinctID, epoch: epoch)
            case .timestamp: subject = Subject(event.timestampText, epoch: epoch)
            default: break
            }
        }
        slots[Int(slot)] = subject
    }

    /// The event's name; empty where it has none that is a text.
    mutating func eventName() -> UnsafeRawBufferPointer {
        if name == nil { name = event.name.kind == .string ? ElementTable.text(of: event.name, bench, &arena) : .empty }
        return bytes(name ?? .empty)
    }

    /// The subject of a slot; a text where the slot is compared as text.
    @inline(__always)
    mutating func textSubject(_ slot: Int32, _ tables: PlanTables) -> UnsafeMutablePointer<Subject> {
        let subject = subject(slot, tables)
        if tables.slots.base[Int(slot)].isText, subject.pointee.kind != .string,
            subject.pointee.kind.rawValue > Value.Kind.null.rawValue
        {
            _ = text(subject)
            subject.pointee.kind = .string
        }
        return subject
    }

    // MARK: Elements

    /// Whether the event says anything of elements.
    @inline(__always)
    var hasElements: Bool {
        event.elements.kind == .array || event.elementsChain.kind == .string && event.elementsChain.length > 0
    }

    /// Parses the elements, unless that has been done for this event.
    @inline(__always)
    mutating func needElements() {
        if elementsEpoch != epoch { parseElements() }
    }

    /// Hashes the elements' classes, unless that has been done for this event.
    mutating func hashClasses() { table.hashClasses(bench, arena) }

    @inline(never)
    private mutating func parseElements() {
        elementsEpoch = epoch
        table.removeAll()
        if event.elements.kind == .array {
            _ = table.parse(array: event.elements, on: bench, epoch: epoch, in: &arena)
        } else if event.elementsChain.kind == .string, event.elementsChain.length > 0 {
            let start = arena.count
            let written = UnsafeRawBufferPointer(
                start: bench + Int(event.elementsChain.offset),
                count: Int(event.elementsChain.length)
            )
            if event.elementsChain.flags.contains(.escaped) {
                arena.append(decoding: written, marker: event.elementsChain.flags.contains(.plain) ? 1 : 2)
            } else {
                arena.append(written)
            }
            table.parse(chainAt: start, arena.count &- start, epoch: epoch, in: &arena)
        }
    }

    /// The chain's text, written anew where the event has elements as a list; nil where it has none.
    private mutating func chainText() -> TextRange? {
        if event.elements.kind == .array {
            needElements()
            return table.writeChain(bench, to: &arena)
        }
        guard event.elementsChain.kind == .string else { return nil }
        return ElementTable.text(of: event.elementsChain, bench, &arena)
    }

    // MARK: Texts

    @inline(__always)
    func bytes(_ text: TextRange) -> UnsafeRawBufferPointer { text.bytes(bench, arena) }

    /// The subject's text: decoded, or printed.
    @inline(__always)
    mutating func text(_ subject: UnsafeMutablePointer<Subject>) -> UnsafeRawBufferPointer {
        if !subject.pointee.known.contains(.text) { print(subject) }
        return bytes(subject.pointee.text)
    }

    /// The subject's text in lower case.
    @inline(__always)
    mutating func lowered(_ subject: UnsafeMutablePointer<Subject>) -> UnsafeRawBufferPointer {
        if !subject.pointee.known.contains(.lowered) { lower(subject) }
        return bytes(subject.pointee.lowered)
    }

    @inline(never)
    private mutating func lower(_ subject: UnsafeMutablePointer<Subject>) {
        if !subject.pointee.known.contains(.text) { print(subject) }
        let start = arena.count
        // The text may lie in the arena: room first, then its address.
        arena.reserve(2 &* Int(subject.pointee.text.length) &+ 8)
        LowerCase.append(bytes(subject.pointee.text), to: &arena)
        subject.pointee.lowered = TextRange(inArena: start, length: arena.count &- start)
        subject.pointee.known.insert(.lowered)
    }

    @inline(never)
    private mutating func print(_ subject: UnsafeMutablePointer<Subject>) {
        subject.pointee.text = printed(subject.pointee)
        subject.pointee.known.insert(.text)
    }

    /// The subject as a number; nil where it is neither a number nor a text that is one.
    @inline(__always)
    mutating func number(_ subject: UnsafeMutablePointer<Subject>) -> Double? {
        if !subject.pointee.known.contains(.number) { findNumber(subject) }
        return subject.pointee.known.contains(.isNumber) ? subject.pointee.number : nil
    }

    @inline(never)
    private mutating func findNumber(_ subject: UnsafeMutablePointer<Subject>) {
        subject.pointee.known.insert(.number)
        var number: Double?
        if subject.pointee.kind == .number { number = NumberText.parse(bytes(subject.pointee.written)) }
        if subject.pointee.kind == .string { number = NumberText.parse(text(subject)) }
        guard let number else { return }
        subject.pointee.number = number
        subject.pointee.known.insert(.isNumber)
    }
}
