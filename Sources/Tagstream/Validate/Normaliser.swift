/// Brings an accepted event into the shape that is stored and matched (docs/events.md): PostHog's `sanitise` and
/// person flag.
///
/// What is added lies on the workbench as the JSON text that the row will contain, and on the tape as a field, so that matching
/// sees what will be stored. What is taken away is flagged, and the row encoder leaves it out.
struct Normaliser {
    /// The event's groups, by the team's numbers; nil where it has none.
    let groups: GroupColumns.Columns?
    /// How many elements an event may have.
    let elementLimit: Int

    /// Normalises an event; returns false when it has to be ignored: a merge of persons sent without a person profile.
    func normalise(
        _ valid: inout ValidEvent,
        forcesPersonless: Bool,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) -> Bool {
        let first = bench.fields.count
        let special = valid.decoded.special
        addAddress(&valid.decoded, on: &bench)
        if valid.decoded.sentAt.kind == .string {
            remove(special.sentAt, &valid.decoded, on: bench)
            bench.addProperty("$sent_at", valid.decoded.sentAt)
        }
        // Only a server can have verified anything.
        remove(special.verified, &valid.decoded, on: bench)
        lowerCaseSession(&valid.decoded, on: &bench)
        mergeTopLevelSets(&valid.decoded, on: &bench)
        let isKept = applyPersonFlag(
            &valid,
            forcesPersonless: forcesPersonless,
            firstAdded: first,
            on: &bench,
            noting: &notes
        )
        if let groups, valid.personMode == .full { setGroups(groups, &valid.decoded, on: &bench) }
        valid.decoded.event.addedProperties = Section(first: Int32(first), count: Int32(bench.fields.count - first))
        chooseElements(&valid, special, on: bench)
        limitElements(&valid.decoded.event, on: &bench, noting: &notes)
        return isKept
    }

    private func remove(_ index: Int32, _ decoded: inout DecodedEvent, on bench: borrowing Workbench) {
        guard index >= 0 else { return }
        bench.fields[Int(index)].value.flags.formUnion([.removed, .superseded])
        decoded.hasRemovedProperties = true
    }

    /// `$ip` is the envelope's unless the event brings its own.
    private func addAddress(_ decoded: inout DecodedEvent, on bench: inout Workbench) {
        guard decoded.ip.kind == .string, decoded.ip.length > 0 else { return }
        if decoded.special.ip >= 0 {
            if bench.fields[Int(decoded.special.ip)].value.isSet { return }
            remove(decoded.special.ip, &decoded, on: bench)
        }
        bench.addProperty("$ip", decoded.ip)
    }

    /// `$set` and `$set_once` beside the properties are stored within them, merged over what stood there.
    private func mergeTopLevelSets(_ decoded: inout DecodedEvent, on bench: inout Workbench) {
        if decoded.hasTopSet {
            remove(decoded.special.set, &decoded, on: bench)
            bench.addProperty("$set", objectOf: decoded.event.set)
        }
        if decoded.hasTopSetOnce {
            remove(decoded.special.setOnce, &decoded, on: bench)
            bench.addProperty("$set_once", objectOf: decoded.event.setOnce)
        }
        if decoded.topUnset.kind == .array || decoded.topUnset.kind == .object {
            remove(decoded.special.unset, &decoded, on: bench)
            bench.addProperty("$unset", copyOf: decoded.topUnset)
        }
    }

    /// A session id that is a UUID is stored in lower case, so that one session stays one whatever the SDK's habit.
    private func lowerCaseSession(_ decoded: inout DecodedEvent, on bench: inout Workbench) {
        let index = decoded.special.sessionID
        guard index >= 0 else { return }
        var value = bench.fields[Int(index)].value
        if value.kind == .string, value.flags.contains(.escaped) {
            bench.scratch.removeAll()
            value = bench.appendString(bench.text(ofStringAt: value))
        }
        guard value.kind == .string, value.length == UUIDText.length else { return }
        let check = UUIDText.check(bench.bytes.base + Int(value.offset))
        // A UUID that is in lower case already stays as it is written.
        guard check.isValid, check.hasUpperCase else { return }
        bench.addProperty("$session_id", bench.appendLowerCased(value))
        remove(index, &decoded, on: bench)
    }

    /// `$process_person_profile`: false takes off everything that would touch a person; true is the default and is not stored.
    private func applyPersonFlag(
        _ valid: inout ValidEvent,
        forcesPersonless: Bool,
        firstAdded: Int,
        on bench: inout Workbench,
        noting notes: inout EventNotes
    ) -> Bool {
        let special = valid.decoded.special
        let value =
            special.processPersonProfile >= 0 ? bench.fields[Int(special.processPersonProfile)].value : .missing
        let flag = value.kind
        guard forcesPersonless || flag == .false else {
            if flag != .missing, flag != .true {
                notes.personFlag = value
                notes.warn(.invalidPersonFlag)
            }
            remove(special.processPersonProfile, &valid.decoded, on: bench)
            if valid.kind == .groupIdentify { dropPersonUpdates(&valid, from: firstAdded, on: bench) }
            return true
        }
        if valid.kind.merges { return false }
        valid.personMode = .propertyless
        dropPersonUpdates(&valid, from: firstAdded, on: bench)
        valid.decoded.event.personProperties = .empty
        valid.decoded.personObject = .missing
        valid.decoded.event.groups = (.empty, .empty, .empty, .empty, .empty)
        valid.decoded.groupObjects = (.missing, .missing, .missing, .missing, .missing)
        removeGroups(&valid.decoded, on: &bench) { _ in true }
        if flag != .false {
            remove(special.processPersonProfile, &valid.decoded, on: bench)
            bench.addProperty("$process_person_profile", literal: "false", kind: .false)
        }
        return true
    }

    /// Takes off the properties `$group_0` … `$group_4` whose column is meant.
    private func removeGroups(_ decoded: inout DecodedEvent, on bench: inout Workbench, where isMeant: (Int) -> Bool) {
        let properties = decoded.event.properties
        for index in Int(properties.first)..<Int(properties.first + properties.count) {
            let key = bench.key(of: bench.fields[index])
            guard key.count == 8, equals(UnsafeRawBufferPointer(rebasing: key[..<7]), "$group_") else { continue }
            let column = key[7] &- 0x30
            if column < 5, isMeant(Int(column)) { remove(Int32(index), &decoded, on: bench) }
        }
    }

    /// The groups that `$groups` names, over whatever stood in their columns.
    private func setGroups(_ groups: GroupColumns.Columns, _ decoded: inout DecodedEvent, on bench: inout Workbench) {
        removeGroups(&decoded, on: &bench) { groups[$0].isSet }
        for column in 0..<EventRules.mostGroupTypes where groups[column].isSet {
            bench.addProperty(GroupColumns.names[column], anyOf: groups[column])
        }
    }

    private func dropPersonUpdates(
        _ valid: inout ValidEvent,
        from firstAdded: Int,
        on bench: borrowing Workbench
    ) {
        remove(valid.decoded.special.set, &valid.decoded, on: bench)
        remove(valid.decoded.special.setOnce, &valid.decoded, on: bench)
        remove(valid.decoded.special.unset, &valid.decoded, on: bench)
        for index in firstAdded..<bench.fields.count {
            let field = bench.fields[index]
            let key = bench.bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
            if equals(key, "$set") || equals(key, "$set_once") || equals(key, "$unset") {
                remove(Int32(index), &valid.decoded, on: bench)
            }
        }
        valid.decoded.event.set = .empty
        valid.decoded.event.setOnce = .empty
        valid.decoded.topUnset = .missing
    }

    /// The chain leaves the properties for a column of its own: `$elements_chain`, else `$elements`, else the stored row's.
    private func chooseElements(
        _ valid: inout ValidEvent,
        _ special: SpecialProperties,
        on bench: borrowing Workbench
    ) {
        if special.elementsChain >= 0 {
            let chain = bench.fields[Int(special.elementsChain)].value
            if chain.kind == .string {
                valid.decoded.event.elementsChain = chain
                bench.fields[Int(special.elementsChain)].value.flags.insert(.removed)
                valid.decoded.hasRemovedProperties = true
            }
        }
        guard special.elements >= 0 else { return }
        let elements = bench.fields[Int(special.elements)].value
        guard elements.kind == .array else { return }
        bench.fields[Int(special.elements)].value.flags.insert(.removed)
        valid.decoded.hasRemovedProperties = true
        let hasChain = special.elementsChain >= 0 && bench.fields[Int(special.elementsChain)].value.kind == .string
        if !hasChain { valid.decoded.event.elements = elements }
    }

    /// Of too many elements the innermost stay.
    private func limitElements(_ event: inout Event, on bench: inout Workbench, noting notes: inout EventNotes) {
        if event.elements.kind == .array {
            guard let cut = ElementLimit.cut(list: event.elements, to: elementLimit, on: &bench) else { return }
            event.elements = cut
        } else {
            guard event.elementsChain.kind == .string,
                let cut = ElementLimit.cut(chain: event.elementsChain, to: elementLimit, on: &bench)
            else { return }
            event.elementsChain = cut
        }
        notes.warn(.elementsTruncated)
    }
}

extension Workbench {
    /// A field's key, decoded; valid until the scratch arena or the workbench's bytes change.
    mutating func key(of field: Field) -> UnsafeRawBufferPointer {
        let written = bytes.bytes(Int(field.keyOffset), Int(field.keyLength))
        guard field.value.flags.contains(.keyEscaped) else { return written }
        scratch.removeAll()
        scratch.append(decoding: written, marker: 2)
        return scratch.bytes(0, scratch.count)
    }

    /// Appends a property with a string value that lies on the workbench, in any space.
    mutating func addProperty(_ name: StaticString, _ value: Value) {
        bytes.reserve(2 * Int(value.length) + name.utf8CodeUnitCount + 16)
        let key = openProperty(name)
        bytes.put("\\\"")
        let start = bytes.count
        if value.flags.contains(.plain), value.flags.contains(.escaped) {
            let content = Array(written(value))
            content.withUnsafeBytes { bytes.append(escaping: $0) }
        } else {
            bytes.put(bytes.base + Int(value.offset), Int(value.length))
        }
        let length = bytes.count - start
        bytes.put("\\\"")
        var flags = value.flags
        flags.remove([.plain, .superseded, .removed, .keyEscaped])
        append(key, name, Value(offset: UInt32(start), length: UInt32(length), kind: .string, flags: flags))
    }

    /// Appends a property with any value of escaped space that lies on the workbench.
    mutating func addProperty(_ name: StaticString, anyOf value: Value) {
        if value.kind == .string { addProperty(name, value) } else { addProperty(name, copyOf: value) }
    }

    /// Appends a property whose value is the text of a JSON literal or number.
    mutating func addProperty(_ name: StaticString, literal: StaticString, kind: Value.Kind) {
        bytes.reserve(literal.utf8CodeUnitCount + name.utf8CodeUnitCount + 16)
        let key = openProperty(name)
        let start = bytes.count
        bytes.put(literal)
        append(key, name, Value(offset: UInt32(start), length: UInt32(bytes.count - start), kind: kind, flags: []))
    }

    /// Appends a property whose value, in escaped space, is anything but a text and that lies on the workbench.
    mutating func addProperty(_ name: StaticString, copyOf value: Value) {
        bytes.reserve(Int(value.length) + name.utf8CodeUnitCount + 16)
        let key = openProperty(name)
        let start = bytes.count
        bytes.put(bytes.base + Int(value.offset), Int(value.length))
        append(key, name, Value(offset: UInt32(start), length: value.length, kind: value.kind, flags: []))
    }

    /// Appends a property whose value is an object of a section's fields, superseded ones left out.
    mutating func addProperty(_ name: StaticString, objectOf section: Section) {
        var room = name.utf8CodeUnitCount + 16
        for index in 0..<Int(section.count) { room += fields[Int(section.first) + index].written.count + 1 }
        bytes.reserve(room)
        let key = openProperty(name)
        let start = bytes.count
        bytes.put(0x7B)
        var isFirst = true
        for index in 0..<Int(section.count) {
            let field = fields[Int(section.first) + index]
            if field.value.flags.contains(.superseded) { continue }
            if !isFirst { bytes.put(0x2C) }
            isFirst = false
            bytes.put(bytes.base + field.written.lowerBound, field.written.count)
        }
        bytes.put(0x7D)
        append(key, name, Value(offset: UInt32(start), length: UInt32(bytes.count - start), kind: .object, flags: []))
    }

    /// Writes `\"name\":` and returns where the name stands.
    mutating func openProperty(_ name: StaticString) -> Int {
        bytes.put("\\\"")
        let key = bytes.count
        bytes.put(name)
        bytes.put("\\\":")
        return key
    }

    mutating func append(_ key: Int, _ name: StaticString, _ value: Value) {
        fields.append(
            Field(
                keyOffset: UInt32(key),
                keyLength: UInt32(name.utf8CodeUnitCount),
                keyHash: keyHash(bytes.base + key, name.utf8CodeUnitCount),
                value: value
            )
        )
    }
}
