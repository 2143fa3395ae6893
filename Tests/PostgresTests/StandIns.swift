import Dispatch
import Foundation
import Glibc
import Postgres
import TestSupport

/// Stands between a client and a server, as what stands before managed servers does.
///
/// It refuses to have one setting set, where one is named; and it keeps the answer to a statement that holds the words
/// ``holding``, until the server ends the session: the client then hears both at once.
struct Relay {
    /// The words by which a statement has its answer kept.
    static let holding = "/* hold the answer */"

    /// How to reach the server through it.
    let settings: ConnectionSettings
    private let folder: String
    private let program: RunningProgram

    private static let script = """
        import socket, struct, sys, threading
        here, there, refused, holding = sys.argv[1:]
        def exactly(source, count):
            data = b""
            while len(data) < count:
                more = source.recv(count - len(data))
                if not more: raise EOFError
                data += more
            return data
        def message(kind, body): return kind + struct.pack("!i", len(body) + 4) + body
        def pump(server, client, held):
            kept = b""
            while data := server.recv(65536):
                kept += data
                if not held.is_set():
                    client.sendall(kept)
                    kept = b""
            client.sendall(kept)
            client.shutdown(socket.SHUT_RDWR)
        def serve(client):
            server, held = socket.socket(socket.AF_UNIX), threading.Event()
            server.connect(there)
            threading.Thread(target=pump, args=(server, client, held), daemon=True).start()
            kinds = 0
            try:
                while True:
                    kind = exactly(client, kinds)
                    length = exactly(client, 4)
                    body = exactly(client, struct.unpack("!i", length)[0] - 4)
                    kinds = 1
                    if holding.encode() in body: held.set()
                    if refused and kind == b"Q" and ("SET " + refused).encode() in body:
                        words = b'SERROR\\0VERROR\\0C42501\\0Mpermission denied\\0\\0'
                        client.sendall(message(b"E", words) + message(b"Z", b"I"))
                    else: server.sendall(kind + length + body)
            except (EOFError, OSError): server.close()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(here)
        listener.listen(8)
        print("listening", flush=True)
        while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """

    init(before server: ConnectionSettings, refusing setting: String = "") async throws {
        guard let host = server.options["host"] else { throw TestSupportError("A relay needs a socket's folder.") }
        // In /tmp itself: a socket's path has 107 bytes.
        folder = "/tmp/daybook-relay-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        let name = "/.s.PGSQL.\(server.options["port"] ?? "5432")"
        program = try await RunningProgram.start(
            ["-c", Self.script, folder + name, host + name, setting, Self.holding], program: TestPython.path)
        var settings = server
        settings.options["host"] = folder
        self.settings = settings
    }

    func stop() async {
        await program.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// Accepts connections on the loopback and never says a word.
final class SilentServer: Sendable {
    let port: Int
    private let descriptor: Int32

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw TestSupportError("No port on the loopback.") }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit {
        close(descriptor)
    }

    /// Waits until somebody has connected.
    func accepted() async {
        await withCheckedContinuation { continuation in
            DispatchQueue(label: "accepting").async { [descriptor] in
                _ = accept(descriptor, nil, nil)
                continuation.resume()
            }
        }
    }
}
