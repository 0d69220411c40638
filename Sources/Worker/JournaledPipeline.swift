import Kafka
import Tagstream

/// The pipeline, with a note of what is in it: usually of a whole batch, and of each record alone while something is suspected.
struct JournaledPipeline: ~Copyable {
    /// The pipeline itself, for all that is not a batch's walk.
    var plain: Pipeline
    private let journal: CrashJournal?

    /// - Parameter journal: where the notes are; nil for none.
    init(_ pipeline: consuming Pipeline, _ journal: CrashJournal?) {
        plain = pipeline
        self.journal = journal
    }

    /// Walks one batch through the pipeline.
    ///
    /// What is convicted of having crashed the process becomes a dead letter and is not looked at.
    mutating func process(_ batch: inout RecordBatch, under snapshot: Snapshot, into out: inout OutputBatch) {
        guard let journal else {
            #if TAGSTREAM_FAILPOINTS
            Failpoint.crash(on: batch.records.indices, of: batch)
            #endif
            return plain.process(batch, under: snapshot, into: &out)
        }
        guard journal.isSuspicious else {
            return process(batch.records.indices, of: batch, noting: journal, under: snapshot, into: &out)
        }
        var isSuspect: [Bool] = []
        batch.keep { record, topic in
            let place = CrashHistory.Place(
                topic: CrashHistory.hash(topic.utf8),
                partition: record.partition,
                offset: record.offset
            )
            record.hasCrashed = journal.history.convicts(place)
            isSuspect.append(journal.history.suspects(place))
            return true
        }
        var start = 0
        while start < isSuspect.count {
            var end = start + 1
            while !isSuspect[start], end < isSuspect.count, !isSuspect[end] { end += 1 }
            process(start..<end, of: batch, noting: journal, under: snapshot, into: &out)
            start = end
        }
    }

    private mutating func process(
        _ records: Range<Int>,
        of batch: borrowing RecordBatch,
        noting journal: CrashJournal,
        under snapshot: Snapshot,
        into out: inout OutputBatch
    ) {
        journal.begins(records, of: batch)
        #if TAGSTREAM_FAILPOINTS
        try? Failpoint.hit(.inPipeline)
        Failpoint.crash(on: records, of: batch)
        #endif
        plain.process(batch, records, under: snapshot, into: &out)
        journal.ends()
    }

    /// Partitions were taken: what is suspected of others is theirs to find out who has them now.
    func keepSuspects(of partitions: [TopicPartition]) {
        guard let journal, journal.isSuspicious else { return }
        journal.keep(
            Set(partitions.map { CrashHistory.Home(topic: CrashHistory.hash($0.topic.utf8), partition: $0.partition) })
        )
    }

    /// Offsets were committed.
    func committed(_ offsets: [TopicPartition: Int64]) {
        guard let journal, journal.isSuspicious else { return }
        journal.committed(offsets.map { ($0.key.topic, $0.key.partition, $0.value) })
    }
}
