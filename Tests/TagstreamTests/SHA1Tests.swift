import Testing

@testable import Tagstream

@Suite struct `SHA-1 and UUIDv5` {
    private static func hex(_ message: [UInt8]) -> String {
        let (high, low) = message.withUnsafeBytes { SHA1.first128Bits(of: $0) }
        return [high, low].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    private static func uuid(of name: String) -> String {
        var out = ByteArena(capacity: 64)
        var name = name
        name.withUTF8 { UUIDText.appendVersion5(of: UnsafeRawBufferPointer($0), to: &out) }
        return String(decoding: out.bytes(0, out.count), as: UTF8.self)
    }

    /// The first sixteen bytes of the digests that FIPS 180-4's examples and Python's hashlib give.
    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890"),
        ("abc", "a9993e364706816aba3e25717850c26c"),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5"),
    ])
    func `digests of published messages are the published ones`(message: String, digest: String) {
        #expect(Self.hex(Array(message.utf8)) == digest)
    }

    /// Lengths around the block and around the bytes of the length field: 32 bytes are 256 bits, 8192 bytes are 65,536.
    @Test(arguments: [
        (31, "65cf771ad2cc0b1e8f89361e3b7bec23"), (32, "68f84a59a3ca2d0e5cb1646fbb164da4"),
        (55, "c1c8bbdc22796e28c0e15163d20899b6"), (56, "c2db330f6083854c99d4b5bfb6e8f29f"),
        (63, "03f09f5b158a7a8cdad920bddc29b81c"), (64, "0098ba824b5c16427bd7a1122a5a442a"),
        (65, "11655326c708d70319be2610e8a57d9a"),
        (119, "ee971065aaa017e0632a8ca6c77bb3bf"), (120, "f34c1488385346a55709ba056ddd0828"),
        (8191, "850f361432d6af028751903eb3f58a41"), (8192, "2727756cfee3fbfe24bf5650123fd774"),
        (100_000, "c4d4b30851182fc4eb8675494d42fd7f"),
    ])
    func `digests of every length of padding are right`(count: Int, digest: String) {
        #expect(Self.hex([UInt8](repeating: 0x61, count: count)) == digest)
    }

    /// `uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, "tagstream.event"), name)` in Python.
    @Test(arguments: [
        ("", "ade6ccc2-9ceb-5553-9f93-42e89fd75570"),
        ("a", "2ff07f84-d35a-56a7-a19f-56e17b6f1b77"),
        ("file/0/0", "166905d1-e545-53ab-a2e5-3ca86e245b70"),
        ("events_raw/3/12345", "e8fc17ce-06f3-58f5-9b12-1e872072c149"),
        ("events_plugin_ingestion/11/9223372036854775807", "8ea935da-bec8-5e2a-9f9e-2c2fb743ff76"),
        (String(repeating: "x", count: 39), "264d6d2d-a143-5905-b912-2fe771a90851"),
        (String(repeating: "x", count: 40), "36d12362-c565-579f-8a91-474e1657b3be"),
        (String(repeating: "x", count: 47), "41d77af8-607e-5ba6-b397-d85f5c68ef7f"),
        (String(repeating: "x", count: 48), "f95a6b5e-4bc7-5022-a463-30d40c46a3ee"),
        (String(repeating: "é", count: 100), "14de719f-12d3-57a5-9a4a-965f10bc22ec"),
    ])
    func `ids derived from a position are those that Python derives`(name: String, uuid: String) {
        #expect(Self.uuid(of: name) == uuid)
    }
}
