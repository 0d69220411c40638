/// Where to listen: a literal address, or a name of this machine, and a port.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// An IPv4 or IPv6 address, or a name that stands for one.
    public var host: String
    /// 1 to 65535; 0 leaves the choice to the system.
    public var port: Int

    /// Reads `127.0.0.1:9090`, `[::]:9090` or `localhost:9090`; nil where it is none of these.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            // Whether the last part of a bare IPv6 address is its port nobody can tell.
            return nil
        }
        let digits = text[text.index(after: colon)...]
        guard !host.isEmpty, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        guard let port = UInt16(digits) else { return nil }
        self.host = String(host)
        self.port = Int(port)
    }

    /// As it is written.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
