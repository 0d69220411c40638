import Kafka
import Tagstream
import TestKit

@testable import Worker

/// Several lanes over one model broker, in an order that follows from a seed.
///
/// No threads: a lane takes a step, and in the middle of any of its calls to the broker others may take steps, be killed, be replaced
/// or be given up by the group. That is how a lane is overtaken between sending its offsets and its commit.
final class Simulation {
    /// A lane that is alive, or thinks so.
    private final class Runner {
        let life: ModelDoors.Life
        var lane: Lane<ModelDoors>
        var isRunning = false
        var isOpen = false

        init(_ life: ModelDoors.Life, _ lane: consuming Lane<ModelDoors>) {
            self.life = life
            self.lane = lane
        }
    }

    let broker: ModelBroker
    private let slots: Int
    private let configuration: Lane<ModelDoors>.Configuration
    private let snapshots = SnapshotBoard(SampleSnapshot.empty(epoch: 1))
    private var runners: [Runner] = []
    private var lives = 0
    private var depth = 0
    private var isHealed = false

    init(seed: UInt64, bug: ModelBroker.Bug? = nil, isTraced: Bool = false) {
        var random = SeededGenerator(seed: seed ^ 0xABCD)
        slots = random.pick([1, 2, 2, 3])
        broker = ModelBroker(seed: seed, slots: slots, bug: bug)
        var configuration = Lane<ModelDoors>.Configuration()
        configuration.transactionRecords = 1 + random.below(8)
        configuration.transactionMilliseconds = Int64(20 + random.below(100))
        configuration.outputBytes = 1 << 10
        configuration.pollRecords = 1 + random.below(8)
        configuration.duplicateWindow = broker.window
        configuration.duplicateSeed = seed
        // So that every record has an output that can be checked.
        configuration.keepsIgnored = true
        self.configuration = configuration
        if isTraced { broker.trace = [] }
    }

    /// Runs to the end; returns what went wrong.
    func run() -> String? {
        broker.interleave = { [unowned self] in elsewhere() }
        defer { broker.interleave = {} }
        for _ in 0..<80 where broker.problem == nil {
            fate()
            step()
        }
        // From here on nothing fails any more: all input has to arrive, in bounded time.
        heal()
        var patience = 4000
        while broker.problem == nil, !broker.isDone, patience > 0 {
            step()
            patience -= 1
            // A transaction that nobody will end, because its producer is gone and its slot's new one began nothing, is the
            // coordinator's to end.
            if patience % 1000 == 0 { for slot in 0..<slots { broker.timeOut(slot) } }
        }
        if let problem = broker.problem { return problem }
        return broker.isDone ? nil : "not all records have arrived: \(broker.written) of \(broker.inputs.map(\.count))"
    }

    private func heal() {
        isHealed = true
        broker.faults = 0
        broker.deliverAllDelayed()
        for slot in 0..<slots where broker.random.chance(50) { broker.timeOut(slot) }
        for life in dead { if let member = life.member { broker.expel(member) } }
    }

    /// Those that were killed: the group learns of it late.
    private var dead: [ModelDoors.Life] = []

    // MARK: Steps

    private func step() {
        for slot in 0..<slots where !runners.contains(where: { $0.life.slot == slot }) {
            if isHealed || broker.random.chance(50) { start(slot) }
        }
        let idle = runners.filter { !$0.isRunning }
        guard !idle.isEmpty else { return }
        run(broker.random.pick(idle))
    }

    private func start(_ slot: Int) {
        lives += 1
        let life = ModelDoors.Life(slot: slot, number: lives)
        broker.note("slot \(slot): life \(lives) begins")
        let lane = Lane(
            configuration,
            doors: ModelDoors(broker, life),
            snapshots: snapshots,
            board: StatisticsBoard(),
            now: { [unowned broker] in broker.now },
            shouldStop: { life.shouldStop }
        )
        runners.append(Runner(life, lane))
    }

    private func run(_ runner: Runner) {
        runner.isRunning = true
        var goesOn = false
        do {
            if runner.isOpen {
                goesOn = try runner.lane.step()
            } else {
                runner.isOpen = true
                try runner.lane.open()
                goesOn = true
            }
        } catch let failure as LaneFailure {
            // Fencing is right; a gap would be a wrong verdict, because no seek is lost here unless a bug is planted.
            if !failure.isFenced, !runner.life.isDead { broker.report("life \(runner.life.number): \(failure)") }
        } catch {
            broker.note("life \(runner.life.number) ends: \(error)")
        }
        runner.isRunning = false
        guard !goesOn || runner.life.isDead else { return }
        runners.removeAll { $0 === runner }
    }

    // MARK: Fate

    /// In the middle of a call: most often nothing, sometimes something happens first, sometimes others go on.
    private func elsewhere() {
        guard broker.random.chance(isHealed ? 2 : 8) else { return }
        fate()
        guard depth < 3 else { return }
        depth += 1
        broker.coverage.interleavings += 1
        // Now and then long enough for the group to give the partitions to others, and for those to commit.
        for _ in 0..<(1 + broker.random.below(broker.random.pick([2, 4, 30]))) { step() }
        depth -= 1
    }

    private func fate() {
        guard !isHealed, broker.faults > 0 else { return }
        for slot in 0..<slots where broker.open[slot]?.hasDelayedEnd == true && broker.random.chance(30) {
            broker.deliverDelayedEnd(slot)
        }
        switch broker.random.below(60) {
        case 0, 2, 3: broker.expelOne()
        case 1: broker.timeOut(broker.random.below(slots))
        case 4: kill()
        case 5: replace()
        case 6: if !runners.isEmpty { broker.random.pick(runners).life.shouldStop = true }
        case 7: if !dead.isEmpty, let member = broker.random.pick(dead).member { broker.expel(member) }
        case 9, 10: broker.deliverDelayed()
        case 8: snapshots.publish(SampleSnapshot.empty(epoch: snapshots.current.epoch + 1))
        default: break
        }
    }

    /// Nothing of it does anything any more, wherever it stands; its transaction stays open and its place in the group stays taken.
    private func kill() {
        guard !runners.isEmpty else { return }
        let runner = broker.random.pick(runners)
        broker.note("life \(runner.life.number) is killed")
        broker.coverage.kills += 1
        runner.life.isDead = true
        dead.append(runner.life)
        if !runner.isRunning { runners.removeAll { $0 === runner } }
    }

    /// Starts a second lane in a slot that is taken: a process that was paused and replaced, or a deployment with a mistake.
    private func replace() {
        guard let runner = runners.first, runners.count < slots + 2 else { return }
        broker.coverage.zombies += 1
        start(runner.life.slot)
    }
}
