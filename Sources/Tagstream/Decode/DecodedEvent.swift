/// A record's value, decoded: where everything that the rooms need lies on the workbench.
struct DecodedEvent {
    /// The event as the matcher sees it; its timestamp is filled in by the next room.
    var event = Event()
    /// The object of the properties in escaped space, braces included; missing when the event has none.
    var propertiesObject = Value.missing
    /// The time the gateway stamped: only an envelope has one that is already corrected for the client's clock.
    var correctedTimestamp = Value.missing
    /// The timestamp the client sent.
    var clientTimestamp = Value.missing
    var now = Value.missing
    var sentAt = Value.missing
    var offset = Value.missing
    var ip = Value.missing
    var personID = Value.missing
    /// Whether `$set` or `$set_once` stood beside the properties: then the ones within have to be written anew.
    var hasTopSet = false
    var hasTopSetOnce = false
    /// `$set` and `$set_once` in escaped space, where enrichment has written them; missing where they stand as they came.
    var setObject = Value.missing
    var setOnceObject = Value.missing
    /// `$unset` beside the properties.
    var topUnset = Value.missing
    /// The objects of the person properties and of `group0_properties` … in escaped space.
    var personObject = Value.missing
    var groupObjects = (Value.missing, Value.missing, Value.missing, Value.missing, Value.missing)
    var isHistorical = false
    /// What the index found among the properties.
    var special = SpecialProperties()
    /// Fields of the same object that a later one superseded.
    var duplicateKeys = 0
    /// Whether a room has flagged one of the properties as taken away or replaced.
    var hasRemovedProperties = false

    /// Whether every field of the properties goes to the output.
    var leavesPropertiesWhole: Bool { !hasRemovedProperties && duplicateKeys == 0 }
}
