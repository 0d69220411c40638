/// What a JSON object says of an event, field by field, as ranges of the workbench: a gateway's envelope, the event in its `data`,
/// a flat event and a stored row all fill the same form.
struct EventParts {
    var uuid = Value.missing
    var event = Value.missing
    var distinctID = Value.missing
    var token = Value.missing
    var apiKey = Value.missing
    /// `$token` and `$distinct_id`, as some SDKs call them: they count where the other name says nothing.
    var dollarToken = Value.missing
    var dollarDistinctID = Value.missing
    var ip = Value.missing
    /// The client's time of the event, or in an envelope the gateway's corrected one.
    var timestamp = Value.missing
    /// The envelope's `timestamp`, once ``complete(with:)`` knows which is which.
    var correctedTimestamp = Value.missing
    var now = Value.missing
    var sentAt = Value.missing
    var offset = Value.missing
    var set = Value.missing
    var setOnce = Value.missing
    var unset = Value.missing
    var personID = Value.missing
    var personProperties = Value.missing
    var elementsChain = Value.missing
    var historicalMigration = Value.missing
    var groups = (Value.missing, Value.missing, Value.missing, Value.missing, Value.missing)
    /// The object of the properties, from its opening to its closing brace; its fields are on the tape.
    var properties = Value.missing
    /// `data`, when it was not read as an event.
    var data = Value.missing
    /// How many more keys the event may have.
    var keysLeft = 0
    /// Fields that a later field of the same name has superseded.
    var duplicates = 0

    /// Notes a field by its name; a later one of the same name wins, as in PostHog's and ClickHouse's parsers.
    @inline(__always)
    mutating func note(_ name: UnsafeRawBufferPointer, _ value: Value) {
        switch name.count {
        case 2: if equals(name, "ip") { ip.replace(by: value, counting: &duplicates) }
        case 3: if equals(name, "now") { now.replace(by: value, counting: &duplicates) }
        case 4:
            if equals(name, "uuid") {
                uuid.replace(by: value, counting: &duplicates)
            } else if equals(name, "$set") {
                set.replace(by: value, counting: &duplicates)
            } else if equals(name, "data") {
                data.replace(by: value, counting: &duplicates)
            }
        case 5:
            if equals(name, "event") {
                event.replace(by: value, counting: &duplicates)
            } else if equals(name, "token") {
                token.replace(by: value, counting: &duplicates)
            }
        case 6:
            if equals(name, "offset") {
                offset.replace(by: value, counting: &duplicates)
            } else if equals(name, "$unset") {
                unset.replace(by: value, counting: &duplicates)
            } else if equals(name, "$token") {
                dollarToken.replace(by: value, counting: &duplicates)
            }
        case 7:
            if equals(name, "sent_at") {
                sentAt.replace(by: value, counting: &duplicates)
            } else if equals(name, "api_key") {
                apiKey.replace(by: value, counting: &duplicates)
            }
        case 9:
            if equals(name, "timestamp") {
                timestamp.replace(by: value, counting: &duplicates)
            } else if equals(name, "$set_once") {
                setOnce.replace(by: value, counting: &duplicates)
            } else if equals(name, "person_id") {
                personID.replace(by: value, counting: &duplicates)
            }
        case 10: if equals(name, "properties") { properties.replace(by: value, counting: &duplicates) }
        case 11: if equals(name, "distinct_id") { distinctID.replace(by: value, counting: &duplicates) }
        case 12: if equals(name, "$distinct_id") { dollarDistinctID.replace(by: value, counting: &duplicates) }
        case 14: if equals(name, "elements_chain") { elementsChain.replace(by: value, counting: &duplicates) }
        case 17: noteLong(name, value)
        case 20:
            if equals(name, "historical_migration") { historicalMigration.replace(by: value, counting: &duplicates) }
        default: break  // an unknown field of the event itself has no place in the row; those of `properties` are kept
        }
    }

    private mutating func noteLong(_ name: UnsafeRawBufferPointer, _ value: Value) {
        if equals(name, "person_properties") {
            personProperties.replace(by: value, counting: &duplicates)
        } else if equals(name, "group0_properties") {
            groups.0.replace(by: value, counting: &duplicates)
        } else if equals(name, "group1_properties") {
            groups.1.replace(by: value, counting: &duplicates)
        } else if equals(name, "group2_properties") {
            groups.2.replace(by: value, counting: &duplicates)
        } else if equals(name, "group3_properties") {
            groups.3.replace(by: value, counting: &duplicates)
        } else if equals(name, "group4_properties") {
            groups.4.replace(by: value, counting: &duplicates)
        }
    }

    /// Takes over what `data` says wherever the envelope says nothing: the envelope wins.
    mutating func complete(with inner: EventParts) {
        func first(_ outer: inout Value, _ inner: Value) { if !outer.isSet { outer = inner } }
        first(&uuid, inner.uuid)
        first(&event, inner.event)
        // Under whatever name: an envelope that has a token says whose event it is.
        if !token.isSet, !dollarToken.isSet, !apiKey.isSet {
            (token, dollarToken, apiKey) = (inner.token, inner.dollarToken, inner.apiKey)
        }
        if !distinctID.isSet, !dollarDistinctID.isSet {
            (distinctID, dollarDistinctID) = (inner.distinctID, inner.dollarDistinctID)
        }
        first(&ip, inner.ip)
        correctedTimestamp = timestamp
        timestamp = inner.timestamp
        first(&now, inner.now)
        first(&sentAt, inner.sentAt)
        first(&offset, inner.offset)
        first(&set, inner.set)
        first(&setOnce, inner.setOnce)
        first(&unset, inner.unset)
        first(&personID, inner.personID)
        first(&personProperties, inner.personProperties)
        first(&elementsChain, inner.elementsChain)
        first(&historicalMigration, inner.historicalMigration)
        first(&groups.0, inner.groups.0)
        first(&groups.1, inner.groups.1)
        first(&groups.2, inner.groups.2)
        first(&groups.3, inner.groups.3)
        first(&groups.4, inner.groups.4)
        properties = inner.properties
        duplicates &+= inner.duplicates
    }
}

extension Value {
    /// Takes the place of what stood there; counts when something did.
    @inline(__always)
    mutating func replace(by value: Value, counting duplicates: inout Int) {
        if kind != .missing { duplicates &+= 1 }
        self = value
    }
}
