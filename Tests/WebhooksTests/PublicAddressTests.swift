import BatchEngine
import NIOCore
import Testing

@testable import Webhooks

struct PublicAddressTests {
    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1",
        "192.88.98.1",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1", "2001:200::1",
        "::ffff:8.8.8.8",
    ])
    func `an address of the internet is sent to`(text: String) throws {
        #expect(PublicAddress.contains(try SocketAddress(ipAddress: text, port: 443)))
    }

    @Test(arguments: [
        "0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254",
        "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1",
        "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::1",
        "100::1",
        "2001::1", "2001:db8::1", "2002:a00:1::", "3fff::1", "5f00::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1",
        "ff02::1", "::7f00:1",
    ])
    func `an address of one's own network, or of nobody's, is not`(text: String) throws {
        #expect(!PublicAddress.contains(try SocketAddress(ipAddress: text, port: 443)))
    }

    @Test(arguments: [
        "http://example.com/", "ftp://example.com/", "https://", "https://user@example.com/", "https://example.com/#a",
        "https://exa mple.com/", "https://example.com\\@other.example/", "https://éxample.com/",
        "https://example.com:0/",
        "/hook", "",
    ])
    func `an address that could be read in two ways is not sent to`(text: String) {
        #expect(throws: WebhookAddress.Defect.self) { try WebhookAddress(text, allowsPlain: false) }
    }

    @Test func `an address is read in its parts`() throws {
        let address = try WebhookAddress("https://Example.com/hook?a=b", allowsPlain: false)
        #expect(address.host == "Example.com" && address.port == 443)
        #expect(try WebhookAddress("http://[2606:4700::1]:8080/", allowsPlain: true).host == "2606:4700::1")
    }
}
