import Testing

@testable import TagstreamCommand

@Suite struct `A line of records` {
    private func read(_ text: String) throws -> RecordLine {
        try Array(text.utf8).withUnsafeBytes { try RecordLine($0, number: 3) }
    }

    @Test func `holds a value, headers and a timestamp`() throws {
        let line = try read(#"{"value":"{\"a\":1}","headers":{"token":"t","none":null},"timestamp":1756720802950}"#)
        #expect(line.value == Array(#"{"a":1}"#.utf8))
        #expect(line.headers.map(\.name) == [Array("token".utf8), Array("none".utf8)])
        #expect(line.headers.map(\.value) == [Array("t".utf8), nil])
        #expect(line.timestamp == 1_756_720_802_950)
    }

    @Test func `may lack all of them, and hold any bytes`() throws {
        let empty = try read("{}")
        #expect(empty.value == nil && empty.headers.isEmpty && empty.timestamp == -1)
        #expect(try read(#"{"value":null,"base64":"/wA="}"#).value == [0xFF, 0])
    }

    @Test(arguments: [
        ("[]", "not a JSON object"), ("{", "not a JSON object"), (#"{"value":5}"#, "value is a number"),
        (#"{"base64":"%"}"#, "base64 is none"), (#"{"headers":{"a":5}}"#, "a header is a number"),
        (#"{"headers":[]}"#, "headers is a list"), (#"{"timestamp":1.5}"#, "timestamp is 1.5"),
        (#"{"key":"k"}"#, "key is a text"),
    ])
    func `that is none says what is wrong`(text: String, message: String) {
        let failure = #expect(throws: Failure.self) { try read(text) }
        #expect(failure?.description.contains("line 3: \(message), expected an object") == true)
    }
}
