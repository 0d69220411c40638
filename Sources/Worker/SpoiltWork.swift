#if TAGSTREAM_FAILPOINTS
import Foundation
import Kafka
import Tagstream

/// What ``PlantedBug`` does to a lane's work, where the mistake is not a line of the product's own code that is left out or changed.
///
/// Only in the build of `make failpoints`.
struct SpoiltWork {
    /// What was sent with the last commits, the older one first.
    private var sent: [[TopicPartition: CommittedOffset]] = []
    private var commits = 0
    /// Without this the compiler leaves out what nobody reads.
    private var neverGivenBack: [UnsafeMutableRawPointer] = []

    /// Records that were read.
    static func spoil(_ batch: inout RecordBatch) {
        guard PlantedBug.timeOfReadingForTimestamp.isPlanted else { return }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        batch.keep { record, _ in
            record.timestamp = now
            return true
        }
    }

    /// What has become of them.
    static func spoil(_ out: inout OutputBatch) {
        if PlantedBug.batchWrittenBackwards.isPlanted { out.records.reverse() }
        guard PlantedBug.deadLetterCutShort.isPlanted else { return }
        for index in out.records.indices where out.records[index].destination == .deadLetters {
            out.records[index].value.length = max(-1, out.records[index].value.length - 1)
        }
    }

    /// The offsets that are to be committed.
    ///
    /// Not beyond a lane's first transactions: in the end everything is committed, and only who has watched knows better.
    mutating func spoil(_ offsets: [TopicPartition: CommittedOffset]) -> [TopicPartition: CommittedOffset] {
        if PlantedBug.commitWithoutOffsets.isPlanted { return [:] }
        leak()
        commits += 1
        defer { sent = sent.suffix(1) + [offsets] }
        guard PlantedBug.offsetsOfAnOlderCommit.isPlanted, sent.count == 2, commits % 4 == 0, commits < 60 else {
            return offsets
        }
        return sent[0]
    }

    /// Bounded, so that the machine survives the proof.
    private mutating func leak() {
        if PlantedBug.descriptorLeftOpen.isPlanted, commits < 300 { _ = open("/dev/null", O_RDONLY) }
        if PlantedBug.memoryNeverGivenBack.isPlanted, commits < 40 {
            let memory = UnsafeMutableRawPointer.allocate(byteCount: 8 << 20, alignment: 16)
            memory.initializeMemory(as: UInt8.self, repeating: 1, count: 8 << 20)
            neverGivenBack.append(memory)
        }
    }
}
#endif
