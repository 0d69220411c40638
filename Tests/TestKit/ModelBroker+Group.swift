package import Kafka

/// The group: its members, their rebalances, and what each is told of them.
extension ModelBroker {
    /// A member of the group, as the group sees it and as it sees itself.
    package final class Member {
        package let id: Int
        package var generation = 0
        /// The group waits for it to give its partitions back.
        package var hasToRevoke = false
        /// It takes part in the rebalance that is under way.
        package var hasJoined = true
        /// What it will be told with a poll.
        package var offer: [Int]?
        /// It was told of an assignment and has not answered.
        package var isAnswering = false
        /// It has answered an assignment, be it one of nothing.
        package var holds = false
        package var assigned: [Int] = []
        /// The group has given it up; it may not know yet.
        package var isExpelled = false
        /// Where it reads: indices into the partitions' records.
        package var positions: [Int: Int] = [:]

        init(_ id: Int) { self.id = id }
    }

    package func join() -> Member {
        let member = Member(nextMember)
        nextMember += 1
        members.append(member)
        note("member \(member.id) joins")
        rebalance()
        return member
    }

    package func leave(_ member: Member) {
        guard let index = members.firstIndex(where: { $0 === member }) else { return }
        members.remove(at: index)
        note("member \(member.id) leaves")
        rebalance()
    }

    /// A member has not been heard of for too long.
    package func expel(_ member: Member) {
        guard members.contains(where: { $0 === member }) else { return }
        note("member \(member.id) is expelled")
        coverage.losses += 1
        member.isExpelled = true
        leave(member)
    }

    package func expelOne() {
        guard !members.isEmpty else { return }
        expel(random.pick(members))
    }

    package func isCurrent(_ member: Member) -> Bool {
        if bug == .ignoresGenerations { return true }
        if !member.isExpelled, member.generation == generation { return true }
        coverage.staleGenerations += 1
        return false
    }

    private func rebalance() {
        for member in members {
            member.offer = nil
            member.hasToRevoke = member.holds || member.isAnswering
            member.hasJoined = !member.hasToRevoke
        }
        complete()
    }

    private func complete() {
        guard !members.isEmpty, members.allSatisfy(\.hasJoined) else { return }
        generation += 1
        var shares: [[Int]] = members.map { _ in [] }
        let first = random.below(members.count)
        for partition in inputs.indices { shares[(partition + first) % members.count].append(partition) }
        for (member, share) in zip(members, shares) {
            member.offer = share
            member.generation = generation
            member.hasJoined = false
        }
        note("generation \(generation): \(zip(members, shares).map { "\($0.id): \($1)" }.joined(separator: ", "))")
    }

    /// What the group has to say to a member that polls.
    package func word(to member: Member) -> Rebalance? {
        // Nothing new before it has answered.
        if member.isAnswering { return nil }
        if member.isExpelled {
            // It hears of it with its next heartbeat.
            guard faults == 0 || random.chance(25) else { return nil }
            if member.holds { return .lost(names(member.assigned)) }
            rejoin(member)
            return nil
        }
        if member.hasToRevoke {
            coverage.revokes += 1
            return .revoked(names(member.assigned))
        }
        guard let offer = member.offer else { return nil }
        member.offer = nil
        member.isAnswering = true
        return .assigned(names(offer))
    }

    private func names(_ partitions: [Int]) -> [TopicPartition] {
        partitions.map { TopicPartition(DoorsScript.topic, Int32($0)) }
    }

    package func assign(_ partitions: [Int], to member: Member) {
        member.isAnswering = false
        member.holds = true
        member.assigned = partitions
        // The client asks for the offsets by itself.
        let known = stable(partitions)
        member.positions = [:]
        for partition in partitions {
            member.positions[partition] = index(of: known[partition]?.offset ?? 0, in: partition)
        }
    }

    package func unassign(_ member: Member) {
        member.isAnswering = false
        member.holds = false
        member.assigned = []
        member.positions = [:]
        if member.isExpelled {
            rejoin(member)
        } else if member.hasToRevoke {
            member.hasToRevoke = false
            member.hasJoined = true
            complete()
        }
    }

    private func rejoin(_ member: Member) {
        member.isExpelled = false
        member.offer = nil
        members.append(member)
        note("member \(member.id) joins again")
        rebalance()
    }
}
