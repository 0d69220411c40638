/// The elements of one event, innermost first: parsed at most once, and only when a condition or the index asks for them.
struct ElementTable: ~Copyable {
    /// One element of the chain.
    struct Element {
        var tag = TextRange.empty
        /// The element's text and link; `kind` is missing where it has none.
        var text = Subject.missing
        var href = Subject.missing
        /// `attr_id`.
        var id = TextRange.empty
        var hasID = false
        /// Whether the classes are ``firstClass``…, from `attr__class`, rather than the dotted ``head``.
        var hasClassList = false
        /// The classes as they stand in a chain's head, joined by dots.
        var head = TextRange.empty
        var firstClass: Int32 = 0
        var classCount: Int32 = 0
        var firstAttribute: Int32 = 0
        var attributeCount: Int32 = 0
        /// Zero where the element does not say.
        var nthChild: Int32 = 0
        var nthOfType: Int32 = 0
        /// ``AccessKey/mark(_:)`` of what selectors may ask for; valid where the table has been marked.
        var marks: UInt64 = 0
        /// The hash of the tag, and the classes' in ``ElementTable/classHashes``; valid where the classes have been hashed.
        var tagHash: UInt64 = 0
        var firstHash: Int32 = 0
        var hashCount: Int32 = 0
        /// The classes separated by one blank, once somebody asked for them.
        var classText = TextRange.empty
        var hasClassText = false

        init() {}
    }

    /// An `attr__NAME` of an element.
    struct Attribute {
        /// The name without `attr__`.
        var name: TextRange
        var value: TextRange
    }

    var elements = Column<Element>(capacity: 32)
    var attributes = Column<Attribute>(capacity: 128)
    var classes = Column<TextRange>(capacity: 64)
    /// The hashes of the elements' classes up to the first dot, and of the pieces of their heads.
    private(set) var classHashes = Column<UInt64>(capacity: 64)
    /// Which elements satisfy the compounds so far, and which satisfy the next: the selector's two rows.
    var reached = Column<Bool>(capacity: 64)
    var next = Column<Bool>(capacity: 64)
    /// The fields of one entry of `$elements`.
    var fields = FieldTape(capacity: 64)

    /// Whether the elements' marks have been set, and their classes hashed.
    private var isMarked = false
    private var isHashed = false

    /// Hashes the elements' tags and classes, unless that has been done.
    mutating func hashClasses(_ bench: UnsafeRawPointer, _ arena: borrowing ByteArena) {
        guard !isHashed else { return }
        isHashed = true
        for index in 0..<elements.count {
            let element = elements.base + index
            element.pointee.tagHash = AccessKey.hash(element.pointee.tag.bytes(bench, arena))
            let first = classHashes.count
            for place in 0..<Int(element.pointee.classCount) {
                let name = classes[Int(element.pointee.firstClass) &+ place].bytes(bench, arena)
                classHashes.append(AccessKey.hash(AccessKey.beforeDot(name)))
            }
            // SDKs write the same classes into the head: each is worth one look only.
            let known = min(classHashes.count, first &+ 16)
            var rest = element.pointee.head
            while rest.length > 0 {
                let piece = AccessKey.beforeDot(rest.bytes(bench, arena))
                let hash = AccessKey.hash(piece)
                var place = first
                while place < known, classHashes[place] != hash { place &+= 1 }
                if place == known { classHashes.append(hash) }
                rest.drop(min(Int(rest.length), piece.count &+ 1))
            }
            element.pointee.firstHash = Int32(truncatingIfNeeded: first)
            element.pointee.hashCount = Int32(truncatingIfNeeded: classHashes.count &- first)
        }
    }

    /// Sets the elements' marks, unless that has been done: a selector's compound is compared with one word before its parts are.
    mutating func mark(_ bench: UnsafeRawPointer, _ arena: borrowing ByteArena) {
        guard !isMarked else { return }
        isMarked = true
        hashClasses(bench, arena)
        for index in 0..<elements.count {
            let element = elements.base + index
            var marks = AccessKey.mark(element.pointee.tagHash)
            if element.pointee.hasID { marks |= AccessKey.mark(AccessKey.hash(element.pointee.id.bytes(bench, arena))) }
            let hashes = classHashes.base + Int(element.pointee.firstHash)
            for place in 0..<Int(element.pointee.hashCount) { marks |= AccessKey.mark(hashes[place]) }
            for place in 0..<Int(element.pointee.attributeCount) {
                let attribute = attributes[Int(element.pointee.firstAttribute) &+ place]
                let name = attribute.name.bytes(bench, arena)
                marks |= AccessKey.mark(AccessKey.hash(name))
                // `#x` means `attr__id` too.
                if equals(name, "id") { marks |= AccessKey.mark(AccessKey.hash(attribute.value.bytes(bench, arena))) }
            }
            element.pointee.marks = marks
        }
    }

    mutating func removeAll() {
        isMarked = false
        isHashed = false
        elements.removeAll()
        attributes.removeAll()
        classes.removeAll()
        classHashes.removeAll()
    }

    /// Adds the white-space separated tokens of a class attribute to the element.
    mutating func addClasses(_ text: UnsafeRawBufferPointer, at range: (Int) -> TextRange, to element: inout Element) {
        element.hasClassList = true
        element.firstClass = Int32(truncatingIfNeeded: classes.count)
        var index = 0
        while index < text.count {
            while index < text.count, UTF8Text.isBlank(text[index]) { index &+= 1 }
            let start = index
            while index < text.count, !UTF8Text.isBlank(text[index]) { index &+= 1 }
            guard index > start else { break }
            var token = range(start)
            token.length = UInt32(truncatingIfNeeded: index &- start)
            classes.append(token)
        }
        element.classCount = Int32(truncatingIfNeeded: classes.count) - element.firstClass
    }

    /// A number as chains and `$elements` give an element's place among its siblings; zero where it is none.
    static func place(_ text: UnsafeRawBufferPointer) -> Int32 {
        guard text.count > 0, text.count <= 9 else { return 0 }
        var number: Int32 = 0
        for byte in text {
            guard isDigit(byte) else { return 0 }
            number = number &* 10 &+ Int32(byte &- 0x30)
        }
        return number
    }
}
