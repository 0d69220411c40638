import Testing

@testable import Tagstream

@Suite struct `An internet address` {
    private func read(_ text: String) -> InternetAddress? { text.withBytes { InternetAddress($0) } }

    @Test(arguments: [
        ("192.0.2.1", InternetAddress(ipv4: 0xC000_0201)), ("0.0.0.0", InternetAddress(ipv4: 0)),
        ("255.255.255.255", InternetAddress(ipv4: .max)), ("::ffff:192.0.2.1", InternetAddress(ipv4: 0xC000_0201)),
        ("::FFFF:c000:201", InternetAddress(ipv4: 0xC000_0201)), ("::", InternetAddress(high: 0, low: 0)),
        ("::1", InternetAddress(high: 0, low: 1)), ("1::", InternetAddress(high: 1 << 48, low: 0)),
        ("2001:db8::8:800:200C:417A", InternetAddress(high: 0x2001_0DB8_0000_0000, low: 0x0008_0800_200C_417A)),
        ("1:2:3:4:5:6:7:8", InternetAddress(high: 0x0001_0002_0003_0004, low: 0x0005_0006_0007_0008)),
        ("1:2:3:4:5:6:7::", InternetAddress(high: 0x0001_0002_0003_0004, low: 0x0005_0006_0007_0000)),
        ("::2:3:4:5:6:7:8", InternetAddress(high: 0x0000_0002_0003_0004, low: 0x0005_0006_0007_0008)),
        ("64:ff9b::192.0.2.33", InternetAddress(high: 0x0064_FF9B_0000_0000, low: 0xC000_0221)),
        ("1:2:3:4:5:6:1.2.3.4", InternetAddress(high: 0x0001_0002_0003_0004, low: 0x0005_0006_0102_0304)),
    ])
    func `is read from its text`(text: String, address: InternetAddress) {
        #expect(read(text) == address)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4 ", " 1.2.3.4",
        "1.2.3.4:80",
        "1.2.3.-4", "0x1.2.3.4", "1.2.3.4444", ":", ":1", "1:", ":::", "1:::2", "1::2::3", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::", "g::", "::1.2.3", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:6:7::8:9", "fe80::1%eth0",
        "[::1]",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "localhost", "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
    ])
    func `is not read from anything else`(text: String) {
        #expect(read(text) == nil)
    }

    @Test(arguments: [
        ("127.0.0.1", false), ("10.255.0.1", false), ("172.16.0.1", false), ("172.31.255.255", false),
        ("172.32.0.1", true),
        ("172.15.0.1", true), ("192.168.1.1", false), ("192.169.1.1", true), ("169.254.1.1", false),
        ("100.64.0.1", false),
        ("100.127.255.255", false), ("100.128.0.1", true), ("0.1.2.3", false), ("224.0.0.1", false), ("8.8.8.8", true),
        ("::1", false), ("::", false), ("::2", true), ("fe80::1", false), ("febf::1", false), ("fec0::1", true),
        ("fc00::1", false),
        ("fdff::1", false), ("fe00::1", true), ("ff02::1", false), ("2001:db8::1", true), ("::ffff:10.0.0.1", false),
    ])
    func `is public or not`(text: String, isPublic: Bool) throws {
        #expect(try #require(read(text)).isPublic == isPublic)
    }
}
