// The Kafka room.
