import CAllocationCounter
import Glibc

/// CPU time of this process in nanoseconds: what is compared, because wall time on a shared machine measures the neighbours.
func cpuNanoseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

/// One way of doing the work that is measured: `run` does all of it once.
struct Variant {
    var name: String
    var operations: Int
    var run: () -> Void

    init(name: String, operations: Int, _ run: @escaping () -> Void) {
        self.name = name
        self.operations = operations
        self.run = run
    }

    init(name: String, _ inputs: Inputs, _ run: @escaping () -> Void) {
        self.init(name: name, operations: inputs.lines.count, run)
    }
}

/// What was measured of a variant, per operation.
struct Measurement {
    var name: String
    var nanoseconds: [Double] = []
    var allocations = 0.0

    var median: Double { nanoseconds.sorted()[nanoseconds.count / 2] }
    var minimum: Double { nanoseconds.min() ?? 0 }
}

/// Runs the variants in turn, round after round, so that a slow minute of the machine hits all of them; two rounds warm up.
func measure(_ variants: [Variant], rounds: Int) -> [Measurement] {
    var results = variants.map { Measurement(name: $0.name) }
    for round in -2..<rounds {
        for (index, variant) in variants.enumerated() {
            let allocated = tagstream_allocations()
            let start = cpuNanoseconds()
            variant.run()
            let elapsed = cpuNanoseconds() - start
            guard round >= 0 else { continue }
            results[index].nanoseconds.append(elapsed / Double(variant.operations))
            results[index].allocations = Double(tagstream_allocations() - allocated) / Double(variant.operations)
        }
    }
    return results
}
