import Dispatch
import Foundation
import Postgres
import TestSupport
import Testing

/// Limits of the server that would end a session half way.
@Suite(.timeLimit(.minutes(1))) struct SessionLimitTests {
    /// Stands before a server and refuses one setting, as what stands before managed servers does.
    private static let relay = """
        import socket, struct, sys, threading
        here, there, name = sys.argv[1:]
        def pump(source, sink):
            while data := source.recv(65536): sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        def exactly(source, count):
            data = b""
            while len(data) < count:
                more = source.recv(count - len(data))
                if not more: raise EOFError
                data += more
            return data
        def message(kind, body): return kind + struct.pack("!i", len(body) + 4) + body
        def serve(client):
            server = socket.socket(socket.AF_UNIX)
            server.connect(there)
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            kinds = 0
            try:
                while True:
                    kind = exactly(client, kinds)
                    length = exactly(client, 4)
                    body = exactly(client, struct.unpack("!i", length)[0] - 4)
                    kinds = 1
                    if kind == b"Q" and ("SET " + name).encode() in body:
                        words = b'SERROR\\0VERROR\\0C42501\\0Mpermission denied\\0\\0'
                        client.sendall(message(b"E", words) + message(b"Z", b"I"))
                    else: server.sendall(kind + length + body)
            except EOFError: server.close()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(here)
        listener.listen(8)
        print("listening", flush=True)
        while True: threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
        """

    /// The error of connecting through a relay that refuses to have a setting set.
    private static func refusal(of name: String, _ settings: ConnectionSettings) async throws -> PostgresError? {
        let folder = "/tmp/daybook-relay-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let port = settings.options["port"] ?? "5432"
        let there = try #require(settings.options["host"]) + "/.s.PGSQL." + port
        let program = try await RunningProgram.start(
            ["-c", relay, folder + "/.s.PGSQL." + port, there, name], program: TestPython.path)
        var relayed = settings
        relayed.options["host"] = folder
        let error = await #expect(throws: PostgresError.self) { try await Connection.open(relayed).close() }
        await program.stop()
        return error
    }

    @Test(arguments: [nil, 18]) func `a role that may not lift a limit is told which`(version: Int?) async throws {
        let cluster = try version.map { try TestCluster(version: $0) } ?? TestCluster.shared
        let names = ["idle_in_transaction_session_timeout", "idle_session_timeout"]
        for name in names + (version == nil ? [] : ["transaction_timeout"]) {
            let error = try await Self.refusal(of: name, cluster.settings())
            #expect(error?.code == .sessionLimit && error?.sqlState == .insufficientPrivilege)
            #expect(error?.sentence.contains("ALTER ROLE … SET \(name) = 0") == true, "\(error?.sentence ?? "")")
        }
        if version != nil { try cluster.stop() }
    }

    @Test func `a session that a limit ends says which, at its commit only where it may have changed something`()
        async throws
    {
        let limit = "idle_in_transaction_session_timeout"
        try await withDatabase { settings in
            let cases: [(TransactionOptions, PostgresError.Code?)] = [
                (.snapshot, nil), (TransactionOptions(), .sessionLimit),
            ]
            for (options, expected) in cases {
                let (worker, watcher) = (try await Connection.open(settings), try await Connection.open(settings))
                let process = try await worker.run { $0.serverProcessID }
                let (isSet, isEnded) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
                async let working: Void = worker.transaction(options) { session in
                    // What nobody can lift: somebody's function sets it in the midst of the transaction.
                    try session.execute("SELECT set_config('\(limit)', '20ms', true)")
                    isSet.signal()
                    isEnded.wait()
                }
                try await watcher.run { session in
                    isSet.wait()
                    while try session.query(
                        "SELECT pid::text, pg_sleep(0.02)::text FROM pg_stat_activity WHERE pid = $1::int",
                        [Value(process)]
                    ).count == 1 {}
                    isEnded.signal()
                }
                do {
                    try await working
                    #expect(expected == nil)
                } catch let error as PostgresError {
                    #expect(error.code == expected && error.sentence.contains(limit), "\(error.debugDescription)")
                }
                await worker.close()
                await watcher.close()
            }
        }
    }
}
