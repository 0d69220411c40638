extension Matcher {
    /// Looks an event up under everything it has that steps of its name, or of any, are filed under.
    mutating func lookUp(_ scope: Int32, _ plan: ActionPlan) {
        let index = plan.index
        let profile = index.profiles[scope >= 0 ? Int(scope) : index.profiles.count &- 1]
        verify(AccessKey.key(.event, place: 0, 0), scope, plan)
        let equalities = index.equalities.base + Int(profile.firstEquality)
        for place in 0..<Int(profile.equalityCount) { lookUpValue(equalities[place], scope, plan) }
        let grams = index.gramPlaces.base + Int(profile.firstGram)
        for place in 0..<Int(profile.gramCount) { lookUpGrams(grams[place], scope, plan) }
        if profile.elements != 0, evaluator.hasElements { lookUpElements(profile.elements, scope, plan) }
    }

    /// Verifies what is filed under a key for this event's name, and for any.
    @inline(__always)
    private mutating func verify(_ key: UInt64, _ scope: Int32, _ plan: ActionPlan, signature: UInt64 = .max) {
        let posting = scope >= 0 ? plan.index.posting(AccessKey.scoped(key, scope)) : -1
        if posting >= 0 { verify(posting, signature, scope, plan) }
        let general = plan.index.posting(AccessKey.scoped(key, -1))
        if general >= 0 { verify(general, signature, scope, plan) }
    }

    // MARK: Properties

    @inline(__always)
    private mutating func lookUpValue(_ slot: Int32, _ scope: Int32, _ plan: ActionPlan) {
        let subject = evaluator.textSubject(slot, plan.tables)
        let place = plan.tables.slots.base[Int(slot)].place
        switch subject.pointee.kind {
        case .string:
            verify(AccessKey.key(.text, place: place, AccessKey.hash(evaluator.text(subject))), scope, plan)
            if let number = evaluator.number(subject) {
                verify(AccessKey.key(.number, place: place, AccessKey.hash(number)), scope, plan)
            }
        case .number:
            guard let number = evaluator.number(subject) else { return }
            verify(AccessKey.key(.number, place: place, AccessKey.hash(number)), scope, plan)
            verify(AccessKey.key(.numberAsText, place: place, AccessKey.hash(number)), scope, plan)
        case .true: verify(AccessKey.key(.bool, place: place, 1), scope, plan)
        case .false: verify(AccessKey.key(.bool, place: place, 0), scope, plan)
        case .missing, .null, .array, .object: break
        }
    }

    @inline(__always)
    private mutating func lookUpGrams(_ place: PlanIndex.GramPlace, _ scope: Int32, _ plan: ActionPlan) {
        let subject = evaluator.textSubject(place.slot, plan.tables)
        guard subject.pointee.kind.rawValue > Value.Kind.null.rawValue else { return }
        let text = place.isLowered ? evaluator.lowered(subject) : evaluator.text(subject)
        lookUpGrams(
            of: text,
            place.isLowered ? .loweredGram : .gram,
            plan.tables.slots.base[Int(place.slot)].place,
            scope,
            plan
        )
    }

    @inline(__always)
    private mutating func lookUpGrams(
        of text: UnsafeRawBufferPointer,
        _ kind: AccessKey.Kind,
        _ place: UInt32,
        _ scope: Int32,
        _ plan: ActionPlan
    ) {
        guard text.count >= 4, let start = text.baseAddress else { return }
        // First all grams, then the files: a file is worth looking at when the text has all grams that it asks for, and verifying
        // may compute a text and thereby move the arena, in which this one may lie.
        found.removeAll()
        let filter = plan.index.gramFilter.base
        let shift = plan.index.gramShift
        var offset = 0
        while offset <= text.count &- 4 {
            let gram = start.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let bit = AccessKey.filterBit(gram, shift)
            if filter[Int(bit >> 6)] &>> UInt64(bit) & 1 == 1 { found.append(AccessKey.gram(gram)) }
            offset &+= 1
        }
        guard found.count > 0 else { return }
        var signature: UInt64 = 0
        for offset in 0...(text.count &- 4) {
            signature |= AccessKey.signature(
                AccessKey.gram(start.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            )
        }
        for index in 0..<found.count {
            verify(AccessKey.key(kind, place: place, found[index]), scope, plan, signature: signature)
        }
    }

    // MARK: Elements

    private mutating func lookUpElements(_ kinds: UInt16, _ scope: Int32, _ plan: ActionPlan) {
        evaluator.needElements()
        let asksForClasses = kinds & (AccessPredicate.bit(.className) | AccessPredicate.bit(.tagClass)) != 0
        if asksForClasses { evaluator.hashClasses() }
        for index in 0..<evaluator.table.elements.count {
            let element = evaluator.table.elements[index]
            if kinds & AccessPredicate.bit(.tag) != 0 { lookUp(.tag, element.tag, scope, plan) }
            if element.text.kind == .string {
                if kinds & AccessPredicate.bit(.elementText) != 0 {
                    lookUp(.elementText, element.text.text, scope, plan)
                }
                lookUpGrams(ofElement: index, isText: true, kinds, scope, plan)
            }
            if element.href.kind == .string {
                if kinds & AccessPredicate.bit(.href) != 0 { lookUp(.href, element.href.text, scope, plan) }
                lookUpGrams(ofElement: index, isText: false, kinds, scope, plan)
            }
            if kinds & AccessPredicate.bit(.id) != 0, element.hasID { lookUp(.id, element.id, scope, plan) }
            if asksForClasses { lookUpClasses(element, kinds, scope, plan) }
            let attributes =
                AccessPredicate.bit(.attribute) | AccessPredicate.bit(.attributeName) | AccessPredicate.bit(.id)
                | AccessPredicate.bit(.href)
            if kinds & attributes != 0 { lookUpAttributes(element, kinds, scope, plan) }
        }
    }

    @inline(__always)
    private mutating func lookUp(_ kind: AccessKey.Kind, _ text: TextRange, _ scope: Int32, _ plan: ActionPlan) {
        verify(AccessKey.key(kind, place: 0, AccessKey.hash(evaluator.bytes(text))), scope, plan)
    }

    private mutating func lookUpGrams(
        ofElement index: Int,
        isText: Bool,
        _ kinds: UInt16,
        _ scope: Int32,
        _ plan: ActionPlan
    ) {
        let element = evaluator.table.elements.base + index
        if kinds & AccessPredicate.bit(.elementGram) != 0 {
            let text = isText ? evaluator.text(&element.pointee.text) : evaluator.text(&element.pointee.href)
            lookUpGrams(of: text, .elementGram, 0, scope, plan)
        }
        if kinds & AccessPredicate.bit(.loweredElementGram) != 0 {
            let text = isText ? evaluator.lowered(&element.pointee.text) : evaluator.lowered(&element.pointee.href)
            lookUpGrams(of: text, .loweredElementGram, 0, scope, plan)
        }
    }

    private mutating func lookUpClasses(
        _ element: ElementTable.Element,
        _ kinds: UInt16,
        _ scope: Int32,
        _ plan: ActionPlan
    ) {
        for index in Int(element.firstHash)..<Int(element.firstHash &+ element.hashCount) {
            lookUpClass(evaluator.table.classHashes[index], element.tagHash, kinds, scope, plan)
        }
    }

    @inline(__always)
    private mutating func lookUpClass(
        _ name: UInt64,
        _ tag: UInt64,
        _ kinds: UInt16,
        _ scope: Int32,
        _ plan: ActionPlan
    ) {
        if kinds & AccessPredicate.bit(.className) != 0 {
            verify(AccessKey.key(.className, place: 0, name), scope, plan)
        }
        if kinds & AccessPredicate.bit(.tagClass) != 0 {
            verify(AccessKey.key(.tagClass, place: 0, AccessKey.hash(tag: tag, className: name)), scope, plan)
        }
    }

    private mutating func lookUpAttributes(
        _ element: ElementTable.Element,
        _ kinds: UInt16,
        _ scope: Int32,
        _ plan: ActionPlan
    ) {
        for index in 0..<Int(element.attributeCount) {
            let attribute = evaluator.table.attributes[Int(element.firstAttribute) &+ index]
            let name = evaluator.bytes(attribute.name)
            if equals(name, "id") {
                lookUp(.id, attribute.value, scope, plan)
            } else if equals(name, "href") {
                lookUp(.href, attribute.value, scope, plan)
            } else {
                let hash = AccessKey.hash(name)
                let value = AccessKey.hash(evaluator.bytes(attribute.value))
                if kinds & AccessPredicate.bit(.attribute) != 0 {
                    verify(AccessKey.key(.attribute, place: 0, hash &+ value &* 3), scope, plan)
                }
                if kinds & AccessPredicate.bit(.attributeName) != 0 {
                    verify(AccessKey.key(.attributeName, place: 0, hash), scope, plan)
                }
            }
        }
    }
}
