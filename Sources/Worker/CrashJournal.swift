import Foundation
import Synchronization
import Tagstream

/// A lane's notes of what is in its pipeline, where the next process finds them: a page of a file that is mapped into memory.
///
/// A note is a few stores to memory for a batch, no system call: what a process has written to a shared mapping outlives it, however it
/// ends (not a machine, and there it is not needed: what ended with the machine is no crash of a record's making). Decisions are in
/// ``CrashHistory``. Used by the lane's thread alone, but for the signal's number, which a handler on that thread writes.
public final class CrashJournal {
    /// Why there is no journal; the lane works without one.
    struct Unavailable: Error, CustomStringConvertible { var description: String }

    /// The file: fixed places, so that nothing is parsed that a dying process was writing.
    private enum Layout {
        static let magic: UInt64 = 0x5453_4352_4153_4831
        static let count = 8
        static let signal = 12
        static let suspects = 16
        static let records = 20
        static let work = 64
        static let stretch = 40
        static let stretches = 128
        static let history = work + stretches * stretch
        static let places = history + stretches * stretch
        static let place = 32
        static let placeCount = 64
        static let size = places + placeCount * place
    }

    private let path: String
    private let descriptor: Int32
    private let page: UnsafeMutableRawPointer
    private let count: UnsafeMutablePointer<Atomic<UInt32>>
    private(set) var history: CrashHistory
    /// The hash of each topic's name, by the batch's index.
    private var topics: [UInt64] = []

    /// Opens a lane's journal in a folder, and takes in what an earlier process left in it.
    ///
    /// - Throws: ``Unavailable`` where the folder cannot be used, is not this user's own, or another process holds the journal.
    init(folder: String, name: String) throws(Unavailable) {
        path = "\(folder)/\(name)"
        descriptor = try Self.open(folder, name)
        guard let page = mmap(nil, Layout.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), page != MAP_FAILED
        else {
            close(descriptor)
            throw Unavailable(description: "\"\(folder)\" cannot be mapped: \(String(cString: strerror(errno)))")
        }
        self.page = page
        count = page.advanced(by: Layout.count).assumingMemoryBound(to: Atomic<UInt32>.self)
        history = CrashHistory()
        if page.load(as: UInt64.self) == Layout.magic {
            history = Self.read(page)
            let noted = Int(count.pointee.load(ordering: .acquiring))
            history.ended(
                with: Self.stretches(page, at: Layout.work, noted),
                hasCrashed: page.load(fromByteOffset: Layout.signal, as: UInt32.self) != 0
            )
        }
        write()
        page.storeBytes(of: 0, toByteOffset: Layout.signal, as: UInt32.self)
        count.pointee.store(0, ordering: .releasing)
        page.storeBytes(of: Layout.magic, as: UInt64.self)
    }

    deinit {
        // Nothing to tell anybody: no litter. The lock is still held, so nobody else has begun to use the file.
        if history.isEmpty, count.pointee.load(ordering: .acquiring) == 0 { unlink(path) }
        munmap(page, Layout.size)
        close(descriptor)
    }

    private static func open(_ folder: String, _ name: String) throws(Unavailable) -> Int32 {
        func failure(_ what: String) -> Unavailable {
            Unavailable(description: "\"\(folder)\" \(what): \(String(cString: strerror(errno)))")
        }
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw failure("cannot be made") }
        var status = stat()
        guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { throw failure("is no folder") }
        // Somebody else's folder could hold a link to a file of ours.
        guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw Unavailable(description: "\"\(folder)\" can be written by others")
        }
        let descriptor = Foundation.open("\(folder)/\(name)", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("takes no file") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            Foundation.close(descriptor)
            throw Unavailable(description: "\"\(folder)/\(name)\" is held by another process")
        }
        guard ftruncate(descriptor, off_t(Layout.size)) == 0 else {
            Foundation.close(descriptor)
            throw failure("has no room")
        }
        return descriptor
    }

    // MARK: The lane's notes

    /// Whether anything is suspected, so that records have to be looked up.
    var isSuspicious: Bool { !history.isEmpty }

    /// These records go into the pipeline.
    func begins(_ records: Range<Int>, of batch: borrowing RecordBatch) {
        var noted = 0
        var last = (topic: Int32(-1), partition: Int32(-1), index: 0)
        for index in records {
            let record = batch.records[index]
            if record.topic != last.topic || record.partition != last.partition {
                last = (
                    record.topic, record.partition, find(topic(record.topic, batch), record.partition, below: noted)
                )
                // More partitions in one batch than there is room for: the others cannot be suspected.
                guard last.index < Layout.stretches else { continue }
                if last.index == noted {
                    let place = Layout.work + noted * Layout.stretch
                    page.storeBytes(of: topic(record.topic, batch), toByteOffset: place, as: UInt64.self)
                    page.storeBytes(of: record.partition, toByteOffset: place + 8, as: Int32.self)
                    page.storeBytes(of: record.offset, toByteOffset: place + 16, as: Int64.self)
                    noted += 1
                }
            }
            guard last.index < Layout.stretches else { continue }
            let end = Layout.work + last.index * Layout.stretch + 24
            page.storeBytes(of: record.offset, toByteOffset: end, as: Int64.self)
        }
        count.pointee.store(UInt32(noted), ordering: .releasing)
    }

    /// They have come out of it.
    func ends() { count.pointee.store(0, ordering: .releasing) }

    private func find(_ topic: UInt64, _ partition: Int32, below count: Int) -> Int {
        for index in 0..<count {
            let place = Layout.work + index * Layout.stretch
            if page.load(fromByteOffset: place + 8, as: Int32.self) == partition,
                page.load(fromByteOffset: place, as: UInt64.self) == topic
            {
                return index
            }
        }
        return count
    }

    private func topic(_ index: Int32, _ batch: borrowing RecordBatch) -> UInt64 {
        while topics.count <= Int(index) { topics.append(CrashHistory.hash(batch.topicBytes(Int32(topics.count)))) }
        return topics[Int(index)]
    }

    /// Offsets were committed; what lies before them is suspected no more.
    func committed(_ offsets: [(topic: String, partition: Int32, next: Int64)]) {
        let before = history
        for (topic, partition, next) in offsets {
            history.committed(topic: CrashHistory.hash(topic.utf8), partition: partition, next: next)
        }
        if history != before { write() }
    }

    /// Only these partitions are the lane's.
    func keep(_ homes: Set<CrashHistory.Home>) {
        let before = history
        history.keep(homes)
        if history != before { write() }
    }

    // MARK: The history in the file

    /// A process that ends in here leaves counts of zero: what was suspected is forgotten, and a crash begins its count anew.
    private func write() {
        page.storeBytes(of: 0, toByteOffset: Layout.suspects, as: UInt32.self)
        page.storeBytes(of: 0, toByteOffset: Layout.records, as: UInt32.self)
        let suspects = history.suspects.suffix(Layout.stretches)
        for (index, stretch) in suspects.enumerated() {
            let place = Layout.history + index * Layout.stretch
            page.storeBytes(of: stretch.topic, toByteOffset: place, as: UInt64.self)
            page.storeBytes(of: stretch.partition, toByteOffset: place + 8, as: Int32.self)
            page.storeBytes(of: stretch.hasCrashed ? 1 : 0, toByteOffset: place + 12, as: UInt32.self)
            page.storeBytes(of: stretch.first, toByteOffset: place + 16, as: Int64.self)
            page.storeBytes(of: stretch.last, toByteOffset: place + 24, as: Int64.self)
        }
        let counts = history.counts.prefix(Layout.placeCount)
        for (index, (record, count)) in counts.enumerated() {
            let place = Layout.places + index * Layout.place
            page.storeBytes(of: record.topic, toByteOffset: place, as: UInt64.self)
            page.storeBytes(of: record.partition, toByteOffset: place + 8, as: Int32.self)
            page.storeBytes(of: count.crashes, toByteOffset: place + 12, as: UInt16.self)
            page.storeBytes(of: count.stops, toByteOffset: place + 14, as: UInt16.self)
            page.storeBytes(of: record.offset, toByteOffset: place + 16, as: Int64.self)
        }
        page.storeBytes(of: UInt32(suspects.count), toByteOffset: Layout.suspects, as: UInt32.self)
        page.storeBytes(of: UInt32(counts.count), toByteOffset: Layout.records, as: UInt32.self)
    }

    private static func read(_ page: UnsafeMutableRawPointer) -> CrashHistory {
        let suspects = stretches(
            page,
            at: Layout.history,
            Int(page.load(fromByteOffset: Layout.suspects, as: UInt32.self))
        )
        var counts: [CrashHistory.Place: CrashHistory.Count] = [:]
        for index in 0..<min(Layout.placeCount, Int(page.load(fromByteOffset: Layout.records, as: UInt32.self))) {
            let place = Layout.places + index * Layout.place
            let record = CrashHistory.Place(
                topic: page.load(fromByteOffset: place, as: UInt64.self),
                partition: page.load(fromByteOffset: place + 8, as: Int32.self),
                offset: page.load(fromByteOffset: place + 16, as: Int64.self)
            )
            counts[record] = CrashHistory.Count(
                crashes: page.load(fromByteOffset: place + 12, as: UInt16.self),
                stops: page.load(fromByteOffset: place + 14, as: UInt16.self)
            )
        }
        return CrashHistory(suspects: suspects, counts: counts)
    }

    private static func stretches(
        _ page: UnsafeMutableRawPointer,
        at start: Int,
        _ count: Int
    ) -> [CrashHistory.Stretch] {
        (0..<min(Layout.stretches, count)).compactMap { index in
            let place = start + index * Layout.stretch
            let first = page.load(fromByteOffset: place + 16, as: Int64.self)
            let last = page.load(fromByteOffset: place + 24, as: Int64.self)
            // The file comes from outside: nothing in it is believed that cannot be.
            guard first >= 0, last >= first else { return nil }
            return CrashHistory.Stretch(
                topic: page.load(fromByteOffset: place, as: UInt64.self),
                partition: page.load(fromByteOffset: place + 8, as: Int32.self),
                first: first,
                last: last,
                hasCrashed: page.load(fromByteOffset: place + 12, as: UInt32.self) != 0
            )
        }
    }

    /// Where a signal's number is written.
    var signalAddress: UnsafeMutableRawPointer { page + Layout.signal }
}
