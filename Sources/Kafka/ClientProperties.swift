/// Properties that only a producer has: passing them to a consumer makes librdkafka complain.
enum ProducerOnly {
    static let names: Set<String> = [
        "linger.ms", "queue.buffering.max.ms", "batch.size", "batch.num.messages", "compression.codec",
        "compression.type",
        "compression.level", "message.timeout.ms", "delivery.timeout.ms", "request.timeout.ms",
        "queue.buffering.max.messages",
        "queue.buffering.max.kbytes", "message.send.max.retries", "retries", "retry.backoff.ms", "partitioner",
        "msg_order_cmp",
        "sticky.partitioning.linger.ms", "transaction.timeout.ms", "retry.backoff.max.ms",
    ]
}

/// Properties that only a consumer has.
enum ConsumerOnly {
    static let names: Set<String> = [
        "session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms", "partition.assignment.strategy",
        "fetch.min.bytes", "fetch.max.bytes", "fetch.wait.max.ms", "fetch.message.max.bytes",
        "max.partition.fetch.bytes",
        "fetch.error.backoff.ms", "fetch.queue.backoff.ms", "queued.min.messages", "queued.max.messages.kbytes",
        "check.crcs",
        "group.protocol.type", "coordinator.query.interval.ms", "group.protocol", "group.remote.assignor",
    ]
}
