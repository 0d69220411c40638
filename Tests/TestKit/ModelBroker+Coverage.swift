extension ModelBroker {
    /// How often something went which way, over all seeds: a simulation that never meets a fault proves nothing.
    package struct Coverage {
        package var commits = 0
        package var aborts = 0
        package var recoveries = 0
        package var unknownApplied = 0
        package var unknownDropped = 0
        package var delayedEnds = 0
        package var timeouts = 0
        package var fenced = 0
        package var staleGenerations = 0
        package var changedPlaces = 0
        package var losses = 0
        package var revokes = 0
        package var kills = 0
        package var zombies = 0
        package var failedDeliveries = 0
        package var interleavings = 0
        package var duplicates = 0
        package var restorations = 0
        package var lateChangelogs = 0
        package var doubts = 0
        package var lateRequests = 0
        package var refusedRequests = 0
        package init() {}

        package mutating func add(_ other: Coverage) {
            commits += other.commits
            aborts += other.aborts
            recoveries += other.recoveries
            unknownApplied += other.unknownApplied
            unknownDropped += other.unknownDropped
            delayedEnds += other.delayedEnds
            timeouts += other.timeouts
            fenced += other.fenced
            staleGenerations += other.staleGenerations
            changedPlaces += other.changedPlaces
            losses += other.losses
            revokes += other.revokes
            kills += other.kills
            zombies += other.zombies
            failedDeliveries += other.failedDeliveries
            interleavings += other.interleavings
            duplicates += other.duplicates
            restorations += other.restorations
            lateChangelogs += other.lateChangelogs
            doubts += other.doubts
            lateRequests += other.lateRequests
            refusedRequests += other.refusedRequests
        }
    }
}
