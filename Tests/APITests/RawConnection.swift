import Foundation
import Glibc
import TestSupport

/// A client's connection, byte by byte: for what no proper client does. Calls block, so they run aside.
struct RawConnection: Sendable {
    private let descriptor: Int32

    /// Connects to a server on this machine.
    init(_ url: String) throws {
        guard let port = URL(string: url)?.port else { throw TestSupportError("\(url) has no port") }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let descriptor = descriptor
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            Glibc.close(descriptor)
            throw TestSupportError("no connection to \(url)")
        }
    }

    func close() { Glibc.close(descriptor) }

    /// Sends what the server takes at once; false where it has closed the connection.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>, waits: Bool = true) -> Bool {
        let flags = Int32(MSG_NOSIGNAL) | (waits ? 0 : Int32(MSG_DONTWAIT))
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count >= 0 else { return !waits && errno == EAGAIN }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// What the server says until it closes the connection; nil if it has not within the time.
    func readToEnd(milliseconds: Int = 30_000) -> String? {
        var bytes: [UInt8] = []
        return read(into: &bytes, milliseconds: milliseconds) ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Adds what the server says; true once it has closed the connection.
    func read(into bytes: inout [UInt8], milliseconds: Int) -> Bool {
        var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &piece, piece.count, 0)
            if count > 0 {
                bytes += piece.prefix(count)
            } else if count == 0 || errno == ECONNRESET {
                return true
            } else {
                return false
            }
        }
    }

    /// Sends one request on a connection of its own, and gives all that comes until the server closes it.
    static func exchange(_ url: String, _ request: String) async throws -> String {
        try await aside {
            let connection = try RawConnection(url)
            defer { connection.close() }
            connection.send(request)
            guard let answer = connection.readToEnd() else {
                throw TestSupportError("the server kept the connection open: \(request.prefix(200))")
            }
            return answer
        }
    }

    /// Runs what blocks on a thread of its own.
    static func aside<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "daybook.test.raw").async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
