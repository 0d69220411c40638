/// What a lane notes beside a committed offset for the partition's next owner: `epoch=41`, and `uuids=` where duplicates are looked for.
///
/// Items are separated by semicolons; those that are not known are passed over.
struct OffsetNote: Equatable {
    /// The catalogue's epoch under which the records before the offset were worked on.
    var epoch: Int64?
    /// How many uuids the partition's window had come to: what its changelog has to hold.
    var uuids: Int64?

    init(epoch: Int64?, uuids: Int64?) {
        self.epoch = epoch
        self.uuids = uuids
    }

    /// Reads a note; whatever another tool has written there says nothing.
    init(_ text: String) {
        for item in text.split(separator: ";") {
            if item.hasPrefix("epoch=") { epoch = Int64(item.dropFirst(6)) }
            if item.hasPrefix("uuids=") { uuids = Int64(item.dropFirst(6)) }
        }
    }

    /// The note as it is committed.
    var text: String {
        [epoch.map { "epoch=\($0)" }, uuids.map { "uuids=\($0)" }].compactMap { $0 }.joined(separator: ";")
    }
}
