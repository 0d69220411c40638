import CSimdjsonLimit
import Tagstream

/// The pipeline, warm, under one snapshot: what a lane does between consuming and producing.
final class WholeWay {
    private var pipeline = Pipeline()
    private var out = OutputBatch()
    private let batches: [RecordBatch]
    private let snapshot: Snapshot
    private(set) var counts = OutcomeCounts()
    /// Bytes of the tagged rows, matches left out.
    private(set) var rowBytes = 0

    init(_ inputs: Inputs, _ snapshot: Snapshot) {
        batches = inputs.batches()
        self.snapshot = snapshot
    }

    func run() {
        counts = OutcomeCounts()
        rowBytes = 0
        for batch in batches {
            out.removeAll()
            pipeline.process(batch, under: snapshot, into: &out)
            counts.add(out.counts)
            for record in out.records where record.destination == .tagged { rowBytes += Int(record.value.length) }
        }
    }
}

/// simdjson on-demand over both layers, and a copy of as many bytes as the row has: what nobody can go below.
final class Limit {
    private let inputs: Inputs
    private let row = UnsafeMutablePointer<CChar>.allocate(capacity: 1 << 21)
    private let rowBytes: Int

    init(_ inputs: Inputs, rowBytes: Int) {
        self.inputs = inputs
        self.rowBytes = rowBytes
    }

    func run() {
        for line in inputs.lines {
            let text = line.baseAddress!.assumingMemoryBound(to: CChar.self)
            let properties = tagstream_limit(
                text,
                line.count,
                line.count + Inputs.padding,
                row,
                text,
                min(rowBytes, line.count)
            )
            precondition(properties >= 0, "the limit could not parse a record")
        }
    }
}
