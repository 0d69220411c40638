import Kafka

extension CommittedOffset {
    /// The catalogue's epoch that was in force, as the lane notes it beside an offset; nil where none is noted.
    var epoch: Int64? { metadata.hasPrefix("epoch=") ? Int64(metadata.dropFirst(6)) : nil }
}
