/// The SHA-256 of a file's bytes, for what is compared with a checksum beside it.
public enum ContentDigest {
    /// The digest as 64 lower-case hexadecimal digits; linear in bytes.
    public static func sha256(_ bytes: [UInt8]) -> String {
        var out = ByteArena(capacity: 64)
        bytes.withUnsafeBytes { SHA256.append(hexOf: $0, to: &out) }
        return String(decoding: out.bytes(0, out.count), as: UTF8.self)
    }
}
