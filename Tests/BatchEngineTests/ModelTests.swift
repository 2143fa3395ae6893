import BatchEngine
import Domain
import Foundation
import Postgres
import Schema
import TestSupport
import Testing

/// Random histories of credits, batches and tasks, compared with the model after every step.
@Suite struct ModelTests {
    private static let steps = 100

    /// Seeds of the histories: `DAYBOOK_HISTORIES=1-5000` runs others.
    private static let seeds: ClosedRange<UInt64> = {
        let text = ProcessInfo.processInfo.environment["DAYBOOK_HISTORIES"] ?? "1-200"
        let ends = text.split(separator: "-").compactMap { UInt64($0) }
        guard ends.count == 2, ends[0] <= ends[1] else {
            preconditionFailure("DAYBOOK_HISTORIES is \(text), not FIRST-LAST")
        }
        return ends[0]...ends[1]
    }()

    @Test func `every history leads where the model says`() async throws {
        let original = try await TestDatabase.create()
        let connection = try await Connection.open(original.settings)
        _ = try await Migrator().migrate(connection)
        await connection.close()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<2 {
                group.addTask {
                    for seed in Self.seeds where seed % 2 == UInt64(worker) { try await Self.run(seed, in: original) }
                }
            }
            try await group.waitForAll()
        }
        try await original.drop()
    }

    private static func run(_ seed: UInt64, in original: TestDatabase) async throws {
        // A database of its own: gates and sweeps are everybody's.
        let database = try await TestDatabase.create(copyOf: original)
        let connection = try await Connection.open(database.settings)
        let report: String? = try await connection.run { session in
            var history = History(seed: seed)
            do {
                try history.begin(session)
                for _ in 0..<steps {
                    let differences = try history.step(session)
                    if !differences.isEmpty { return history.story(differences) }
                }
                return nil
            } catch {
                return history.story([String(reflecting: error)])
            }
        }
        await connection.close()
        try await database.drop()
        #expect(report == nil, "seed \(seed):\n\(report ?? "")")
    }
}
