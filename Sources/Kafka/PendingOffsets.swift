internal import CLibrdkafka
import Dispatch

/// Offsets that are being sent to a transaction, on a thread of their own.
///
/// `rd_kafka_send_offsets_to_transaction` looks at its timeout only when it gets an answer: while a coordinator is silent it takes as long as
/// a request may, and while the group's is gone it does not return at all (librdkafka #5456, in every version so far). So the call is left
/// alone with all that it needs, the client included, and whoever asked for it goes on.
final class PendingOffsets: @unchecked Sendable {
    private let client: ClientHandle
    private let offsets: PartitionList
    private let group: GroupMetadata
    private let hasReturned = DispatchSemaphore(value: 0)
    /// What the call has returned; written before the semaphore is signalled, and read behind it.
    private var error: OpaquePointer?

    init(_ offsets: [TopicPartition: CommittedOffset], of group: consuming GroupMetadata, by client: ClientHandle) {
        self.client = client
        self.offsets = PartitionList(offsets)
        self.group = group
    }

    deinit { if let error { rd_kafka_error_destroy(error) } }

    /// Makes the call.
    ///
    /// - Throws: what it returns; a ``KafkaError/stuck(while:)`` where it has not returned after twice its time, or two seconds more.
    func send(timeout milliseconds: Int32, on queue: DispatchQueue, _ operation: String) throws(KafkaError) {
        queue.async {
            self.error = rd_kafka_send_offsets_to_transaction(
                self.client.pointer,
                self.offsets.handle,
                self.group.handle,
                milliseconds
            )
            self.hasReturned.signal()
        }
        // Requests that have timed out are looked for once a second.
        let patience = Int(milliseconds) + max(Int(milliseconds), 2000)
        guard hasReturned.wait(timeout: .now() + .milliseconds(patience)) == .success else {
            throw .stuck(while: operation)
        }
        let error = self.error
        self.error = nil
        try KafkaError.check(error, operation)
    }
}
