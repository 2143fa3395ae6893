import Domain
import Testing

@Suite struct InternetAddressTests {
    @Test(arguments: [
        ("192.0.2.0/24", "192.0.2.0", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.128/25", "192.0.2.128", "192.0.2.255", "192.0.2.127"),
        ("192.0.2.7", "192.0.2.7", "::ffff:192.0.2.7", "192.0.2.6"), ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::1"),
        ("2001:db8::/48", "2001:db8::1", "2001:db8:0:ffff::", "2001:db8:1::"), ("::/0", "::1", "ffff::", "192.0.2.1"),
        ("::ffff:192.0.2.0/120", "192.0.2.0", "::ffff:192.0.2.255", "192.0.3.0"),
        ("fe80::/10", "fe80::1%eth0", "febf::1", "fec0::1"),
        ("2001:db8::8/125", "2001:db8::8", "2001:db8::f", "2001:db8::10"),
    ]) func `a network has its first and its last address, and not the next`(
        text: String, first: String, last: String, outside: String
    ) throws {
        let network = try InternetNetwork(text)
        for address in [first, last] { #expect(try network.contains(#require(InternetAddress(address))), "\(address)") }
        #expect(try !network.contains(#require(InternetAddress(outside))))
        #expect(try InternetNetwork(network.description) == network)
    }

    @Test func `what is no network, or has bits beyond it, is refused`() {
        for text in [
            "", "/", "/8", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2/24", "192.0.2.1/24", "2001:db8::1/64",
            "::/129", "example.com", "192.0.2.0/24/8", "192.0.2.0 /24", "::ffff:0.0.0.0/90", "192.0.2.1\u{0}",
        ] {
            #expect(throws: DaybookError.self, "\(text)") { try InternetNetwork(text) }
        }
        for text in ["", "192.0.2", "192.0.2.1:80", "[::1]", "::ffff:192.0.2.256", "1"] {
            #expect(InternetAddress(text) == nil, "\(text)")
        }
        #expect(InternetAddress("::ffff:192.0.2.1") == InternetAddress("192.0.2.1"))
        #expect("\(InternetAddress("2001:DB8:0:0:0::1")!)" == "2001:db8::1")
    }
}
