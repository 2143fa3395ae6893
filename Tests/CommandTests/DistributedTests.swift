import Foundation
import Postgres
import TestSupport
import Testing

/// Databases of which Citus keeps tables on several servers, as its catalogue says it. `scripts/test-distributed` runs
/// the commands on a real coordinator.
@Suite struct DistributedTests {
    /// Three tables that are divided, of which one by another column than its customer, and one that is whole on every
    /// server.
    private static let tables: [CitusCatalogue.Table] = [
        ("public.video_tasks", "user_id", 1), ("public.batch_jobs", "user_id", 2), ("public.credit_ledger", "id", 1),
        ("public.users", nil, 3),
    ]

    private static func run(
        _ arguments: [String], _ settings: ConnectionSettings, _ program: String
    ) async throws
        -> ProgramRun
    {
        try await ProgramRun(
            arguments + ["--database", Deployment.conninfo(settings)], program: program,
            environment: ["GRSAI_API_KEY": "sk-test"])
    }

    @Test func `what needs one server refuses distributed tables before anything is changed`() async throws {
        try await withSample { settings in
            let folder = try ScratchFolder()
            try await Self.distribute(settings)
            let places = ["--certificates", folder.file("certificates")]
            let archive = ["--archive", folder.file("archive")] + places
            try Data("{}".utf8).write(to: URL(fileURLWithPath: folder.file("manifest.json")))
            let why = ["--reason", "asked", "--requested-by", "customer"]
            let commands = [
                ["retention", "purge", "--yes"] + archive,
                ["retention", "restore", folder.file("manifest.json")] + places,
                ["retention", "erase", "--yes", "--account", "customer0"] + why + archive,
                ["database", "migrate", "--engine"], ["credits", "balance", "--account", "customer5"],
            ]
            let before = try await Self.counts(settings)
            for command in commands {
                let run = try await Self.run(command, settings, ProgramRun.daybook)
                #expect(
                    run.exitCode == 78 && run.errors.contains("are distributed by Citus"), "\(command): \(run.errors)")
                #expect(run.errors.contains("Nothing was changed."))
                #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
            }
            let provider = ["--provider", "http://127.0.0.1:9"]
            for daemon in [["work"] + provider, ["serve", "--port", "0"]] {
                let run = try await Self.run(daemon, settings, RunningProgram.path("daybookd"))
                #expect(
                    run.exitCode == 78 && run.errors.contains("are distributed by Citus"), "\(daemon): \(run.errors)")
            }
            #expect(try await Self.counts(settings) == before)
            #expect(try !folder.contents().keys.contains { $0.hasPrefix("archive") })
        }
    }

    @Test func `a check says what is distributed and how, and what a report would bring whole`() async throws {
        try await withSample { settings in
            let plain = try await Self.run(["database", "check"], settings, ProgramRun.daybook)
            #expect(plain.exitCode == 0 && !plain.output.contains("distributed:"))
            try await Self.distribute(settings)
            let check = try await Self.run(["database", "check"], settings, ProgramRun.daybook)
            let lines = check.output.split(separator: "\n").filter { $0.hasPrefix("distributed:") }.map {
                String($0.dropFirst("distributed: ".count))
            }
            #expect(
                lines == [
                    "by id, in 8 shards: public.credit_ledger",
                    "by user_id, in 8 shards: public.batch_jobs, public.video_tasks",
                    "whole on every server: public.users", "all others are on the coordinator alone",
                    "public.batch_jobs is not with the other tables of its customers, so a report brings it to the "
                        + "coordinator whole; divide it anew with colocate_with",
                    "public.credit_ledger is divided by id and not by user_id, so a report brings it to the "
                        + "coordinator whole",
                ])
        }
    }

    private static func distribute(_ settings: ConnectionSettings) async throws {
        try await CitusCatalogue.install(tables, in: settings)
    }

    private static func counts(_ settings: ConnectionSettings) async throws -> [Int64] {
        try await ask(settings) { session in
            try ["public.video_tasks", "public.credit_ledger", "daybook.purge_run", "daybook.migration"].map {
                try session.query("SELECT count(*) AS rows FROM \($0)")[0].int("rows")
            }
        }
    }

    private static func ask<Result: Sendable>(
        _ settings: ConnectionSettings, _ body: @Sendable (Session) throws -> Result
    ) async throws -> Result {
        let connection = try await Connection.open(settings)
        do {
            let result = try await connection.run(body)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}
