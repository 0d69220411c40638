package import Kafka
package import Tagstream
package import Worker

/// Doors to a ``ModelBroker``: what librdkafka's clients do between a lane and a broker, with all that can go wrong.
package struct ModelDoors: LaneDoors {
    /// One life of a worker's lane; a reference, so that whoever plays fate can end it.
    package final class Life {
        package let slot: Int
        package let number: Int
        /// Killed: nothing that it does has an effect any more.
        package var isDead = false
        package var shouldStop = false
        package var member: ModelBroker.Member?
        fileprivate var epoch = 0
        fileprivate var hasBegun = false
        /// Something of the open transaction was given up without an answer.
        fileprivate var isInDoubt = false
        /// Where it reads the changelog of uuids.
        fileprivate var changelogPosition = 0
        /// What it knows of its place in the group: the generation of the assignment it was told of last.
        fileprivate var generation = 0
        /// A delivery that has failed, and after how many polls the report comes.
        fileprivate var failed: (report: FailedDelivery, delay: Int)?

        package init(slot: Int, number: Int) {
            self.slot = slot
            self.number = number
        }
    }

    private let broker: ModelBroker
    private let life: Life

    package init(_ broker: ModelBroker, _ life: Life) {
        self.broker = broker
        self.life = life
    }

    // MARK: Fate

    private static let codes: (abortable: Int32, fatal: Int32, timeout: Int32, unknown: Int32, fenced: Int32) =
        (22, 48, -185, -1, -144)

    private func error(_ code: Int32, _ flag: Remedy?, _ operation: StaticString) -> KafkaError {
        broker.note("life \(life.number): \(operation) fails with \(code)")
        return KafkaError(code: code, while: "\(operation)", flag: flag)
    }

    /// Lets the rest of the world go on, then says whether this life still does.
    private func pass(_ operation: StaticString) throws(KafkaError) {
        if !life.isDead { broker.interleave() }
        if life.isDead { throw KafkaError(code: Self.codes.fenced, while: "be alive", flag: .exit) }
        broker.note("life \(life.number) of slot \(life.slot): \(operation)")
    }

    private func ensureCurrent(_ operation: StaticString) throws(KafkaError) {
        if !broker.isCurrent(life.slot, life.epoch) { throw error(Self.codes.fenced, .exit, operation) }
    }

    /// An error without any effect.
    private func mayFail(_ operation: StaticString) throws(KafkaError) {
        guard broker.hasFault() else { return }
        switch broker.random.below(4) {
        case 0, 1: throw error(Self.codes.abortable, .abort, operation)
        case 2: throw error(Self.codes.fatal, .exit, operation)
        default: throw error(Self.codes.timeout, .retry, operation)
        }
    }

    // MARK: The front door

    package mutating func open() throws {
        try pass("open")
        life.epoch = broker.register(life.slot)
        if broker.hasFault() { throw error(Self.codes.timeout, .retry, "open") }
        life.member = broker.join()
    }

    package mutating func close() {
        guard !life.isDead, let member = life.member else { return }
        broker.leave(member)
    }

    package mutating func poll(
        into batch: inout RecordBatch,
        records: Int,
        bytes: Int,
        timeout: Int64
    ) throws(KafkaError) -> LaneEvent {
        batch.removeAll()
        try pass("poll")
        broker.now += Int64(broker.random.below(40))
        life.failed?.delay -= 1
        if broker.faults > 0, broker.random.below(1000) < broker.faults { throw error(-147, nil, "poll") }
        let member = life.member!
        if let rebalance = broker.word(to: member) {
            broker.note("life \(life.number): \(rebalance)")
            if case .assigned = rebalance { life.generation = member.generation }
            return .rebalance(rebalance)
        }
        let topic = batch.index(ofTopic: DoorsScript.topic)
        var ends: [TopicPartition: Int64] = [:]
        var room = broker.random.below(min(records, 6) + 1)
        for partition in member.assigned {
            let log = broker.inputs[partition]
            while room > 0, let position = member.positions[partition], position < log.count {
                let uuid = broker.uuids[partition][position]
                batch.append(
                    topic: topic,
                    partition: Int32(partition),
                    offset: log[position],
                    timestamp: 1_700_000_000_000,
                    key: nil,
                    value: uuid.map { SampleValue.numbered[$0] } ?? (position % 5 == 1 ? SampleValue.broken : nil)
                )
                member.positions[partition] = position + 1
                room -= 1
                if broker.random.chance(40) { break }
            }
            if member.positions[partition] == log.count {
                ends[TopicPartition(DoorsScript.topic, Int32(partition))] = (log.last ?? 0) + 1
            }
        }
        broker.note("life \(life.number): reads \(batch.records.map { "\($0.partition)/\($0.offset)" })")
        return .records(ends: ends)
    }

    package mutating func release() {}

    private func numbers(_ partitions: [TopicPartition]) -> [Int] { partitions.map { Int($0.partition) } }

    private func known(_ partitions: [TopicPartition]) -> [TopicPartition: CommittedOffset] {
        let known = broker.stable(numbers(partitions))
        return Dictionary(uniqueKeysWithValues: known.map { (TopicPartition(DoorsScript.topic, Int32($0)), $1) })
    }

    package mutating func committed(
        _ partitions: [TopicPartition]
    ) throws(KafkaError) -> [TopicPartition: CommittedOffset] {
        try pass("committed")
        if broker.hasFault() { throw error(Self.codes.timeout, .retry, "committed") }
        return known(partitions)
    }

    package mutating func assign(_ partitions: [TopicPartition]) throws(KafkaError) {
        try pass("assign")
        broker.assign(numbers(partitions), to: life.member!)
    }

    package mutating func endOffsets(of partitions: [TopicPartition]) throws(KafkaError) -> [TopicPartition: Int64] {
        try pass("endOffsets")
        return Dictionary(
            uniqueKeysWithValues: partitions.map { ($0, (broker.inputs[Int($0.partition)].last ?? -1) + 1) }
        )
    }

    package mutating func unassign() throws(KafkaError) {
        try pass("unassign")
        broker.unassign(life.member!)
    }

    package mutating func seek(_ offsets: [TopicPartition: Int64]) throws(KafkaError) {
        try pass("seek")
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            if broker.faults > 0, broker.random.chance(broker.faults / 4) {
                throw error(Self.codes.timeout, .retry, "seek")
            }
            guard broker.bug != .ignoresSeeks else { continue }
            let number = Int(partition.partition)
            guard life.member?.positions[number] != nil else { throw error(-172, nil, "seek") }
            life.member?.positions[number] = broker.index(of: offset, in: number)
            broker.note("life \(life.number): goes to \(number)/\(offset)")
        }
    }

    // MARK: The back door

    package mutating func begin() throws(KafkaError) {
        try pass("begin")
        if broker.hasFault() { throw error(Self.codes.fatal, .exit, "begin") }
        life.hasBegun = true
        life.failed = nil
        life.isInDoubt = false
    }

    package mutating func produce(
        _ out: borrowing OutputBatch,
        of batch: borrowing RecordBatch,
        firstLabel: Int
    ) throws(KafkaError) {
        try pass("produce")
        guard life.hasBegun else {
            broker.report("a batch was produced outside a transaction")
            return
        }
        try ensureCurrent("produce")
        for record in out.records {
            let input = batch.records[Int(record.input)]
            let label = firstLabel + Int(record.input)
            let fate: ModelBroker.Fate =
                record.destination == .tagged ? .tagged : Self.isDuplicate(record, out) ? .duplicate : .letter
            let request = ModelBroker.Request.write((Int(input.partition), input.offset, fate))
            // A warning stands beside its record's row or dead letter; that each of these is there once is what is asked.
            let isAsked = record.destination != .warnings
            let isRefused =
                record.destination == .tagged && broker.oversized[Int(input.partition)].contains(input.offset)
            if isRefused || (broker.faults > 0 && broker.random.below(1000) < broker.faults) {
                broker.coverage.failedDeliveries += 1
                let failure = isRefused ? error(10, nil, "deliver") : error(-192, nil, "deliver")
                let isAtOnce = isRefused && broker.random.chance(30)
                life.failed =
                    life.failed ?? (FailedDelivery(label: label, error: failure), isAtOnce ? 0 : broker.random.below(4))
                if isAtOnce { throw failure }
                if !isRefused, isAsked, broker.random.chance(50) { giveUp(request) }
                continue
            }
            if isAsked { broker.take(request, for: life.slot) }
        }
        try mayFail("produce")
    }

    /// Nobody has answered: the request may have been lost, or it is on its way.
    private func giveUp(_ request: ModelBroker.Request) {
        life.isInDoubt = true
        broker.delay(request, of: life.slot, life.epoch)
    }

    /// Whether a dead letter is a duplicate that was kept.
    private static func isDuplicate(_ record: OutputBatch.Record, _ out: borrowing OutputBatch) -> Bool {
        for header in out.headers[Int(record.firstHeader)..<Int(record.firstHeader + record.headerCount)] {
            guard let name = out.bytes(header.name), name.elementsEqual("dlq_detail".utf8) else { continue }
            return out.bytes(header.value)?.elementsEqual("duplicate".utf8) == true
        }
        return false
    }

    package mutating func remember(
        _ granule: Int,
        of partition: TopicPartition,
        _ value: UnsafeRawBufferPointer?
    ) throws(KafkaError) {
        try pass("remember")
        try ensureCurrent("remember")
        let record = ModelBroker.Granule(
            partition: Int(partition.partition),
            number: granule,
            value: value.map { Array($0) }
        )
        if broker.bug == .keepsAbortedChangelog {
            broker.write([record])
        } else {
            broker.take(.remember(record), for: life.slot)
        }
        try mayFail("remember")
    }

    package mutating func readChangelog(
        of partitions: [TopicPartition],
        _ take: (TopicPartition, UnsafeRawBufferPointer) -> Void
    ) throws -> Bool {
        try pass("read the changelog")
        if life.changelogPosition == 0 { broker.coverage.restorations += 1 }
        if broker.faults > 0, broker.random.chance(broker.faults / 4) {
            throw error(Self.codes.timeout, .retry, "read the changelog")
        }
        let (granules, next, isAtEnd) = broker.readChangelog(from: life.changelogPosition)
        life.changelogPosition = next
        for granule in granules {
            let partition = TopicPartition(DoorsScript.topic, Int32(granule.partition))
            guard partitions.contains(partition), let value = granule.value else { continue }
            value.withUnsafeBytes { take(partition, $0) }
        }
        return isAtEnd
    }

    package mutating func closeChangelog() { life.changelogPosition = 0 }

    package var failedRecord: FailedDelivery? {
        guard let failed = life.failed, failed.delay <= 0 else { return nil }
        return failed.report
    }

    package mutating func place() throws(KafkaError) -> GroupPlace {
        try pass("place")
        // The client learns of an expulsion with a heartbeat, which may come before or behind this question.
        guard let member = life.member else { return GroupPlace([]) }
        if member.isExpelled, broker.random.chance(25) {
            broker.coverage.changedPlaces += 1
            return GroupPlace([])
        }
        return GroupPlace(Array("\(member.id)/\(life.generation)".utf8))
    }

    package mutating func hurry(_ budget: RevocationBudget?) {}

    package mutating func commit(_ offsets: [TopicPartition: CommittedOffset]) throws(KafkaError) {
        try pass("send offsets")
        guard life.hasBegun else {
            broker.report("a commit came outside a transaction")
            return
        }
        try ensureCurrent("send offsets")
        let request = ModelBroker.Request.offsets(
            Dictionary(uniqueKeysWithValues: offsets.map { (Int($0.partition), $1) })
        )
        do throws(KafkaError) {
            try mayFail("send offsets")
        } catch {
            if broker.isCurrent(life.member!), broker.random.chance(50) { giveUp(request) }
            throw error
        }
        // The client may have heard meanwhile that the group has given it up: its metadata has no generation then, and of such Kafka takes
        // whatever comes.
        let hasPlace = !(life.member!.isExpelled && broker.random.chance(25))
        guard hasPlace || broker.bug == .sendsWithoutPlace else {
            broker.coverage.changedPlaces += 1
            throw .placeLost(while: "send offsets")
        }
        guard !hasPlace || broker.isCurrent(life.member!) else {
            throw error(Self.codes.abortable, .abort, "send offsets")
        }
        broker.take(request, for: life.slot)

        do throws(KafkaError) {
            try pass("commit")
        } catch {
            // Killed with the request on its way, or before it was sent; after a failed delivery none is ever sent.
            if life.failed == nil, broker.epochs[life.slot] == life.epoch, broker.random.chance(50) {
                broker.open[life.slot]?.hasDelayedEnd = true
            }
            throw error
        }
        // The commit waits for all deliveries first.
        if life.failed != nil {
            life.failed?.delay = 0
            throw error(Self.codes.abortable, .abort, "commit")
        }
        try ensureCurrent("commit")
        guard broker.hasFault() else {
            broker.apply(life.slot)
            life.hasBegun = false
            if broker.bug == .callsCommitsAborts, broker.random.chance(10) {
                throw error(Self.codes.abortable, .abort, "commit")
            }
            return
        }
        let flag: Remedy? = broker.random.pick([.exit, .retry, nil])
        switch broker.random.below(4) {
        case 0: throw error(Self.codes.abortable, .abort, "commit")
        case 1:
            broker.coverage.unknownApplied += 1
            broker.apply(life.slot)
        case 2: broker.open[life.slot]?.hasDelayedEnd = true
        default: broker.coverage.unknownDropped += 1
        }
        throw error(flag == .retry ? Self.codes.timeout : Self.codes.unknown, flag, "commit")
    }

    package mutating func abort() throws(KafkaError) {
        try pass("abort")
        if life.isInDoubt, broker.bug != .abortsInDoubt {
            broker.coverage.doubts += 1
            throw .inDoubt(while: "abort")
        }
        try ensureCurrent("abort")
        let isLate = broker.random.chance(50)
        if broker.hasFault(), !isLate { throw error(Self.codes.unknown, nil, "abort") }
        if broker.bug != .ignoresAborts { broker.open[life.slot] = nil }
        broker.coverage.aborts += 1
        life.hasBegun = false
        life.failed = nil
        if broker.hasFault(), isLate { throw error(Self.codes.timeout, .retry, "abort") }
    }

    package mutating func recover(_ partitions: [TopicPartition]) throws -> [TopicPartition: Int64] {
        try pass("recover")
        life.failed = nil
        life.hasBegun = false
        life.isInDoubt = false
        life.epoch = broker.register(life.slot)
        if broker.hasFault() { throw error(Self.codes.timeout, .retry, "recover") }
        broker.coverage.recoveries += 1
        return known(partitions).mapValues(\.offset)
    }
}
