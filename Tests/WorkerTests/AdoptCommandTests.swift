import Foundation
import Postgres
import TestSupport
import Testing

/// `daybookd adopt` and what `daybook database check` says of owners, as programs.
@Suite(.timeLimit(.minutes(5))) struct AdoptCommandTests {
    private static let user = "11111111-0000-0000-0000-000000000001"
    private static let queued = "aaaaaaaa-0000-0000-0000-000000000001"
    private static let short = "aaaaaaaa-0000-0000-0000-000000000002"

    private static let books = """
        INSERT INTO public.users (id, google_id, email) VALUES ('\(user)', 'g', 'a@example.com');
        SELECT public.add_credits_to_wallet('\(user)', 100, 0);
        INSERT INTO public.batch_jobs (id, user_id, status, total_count, cost_per_video)
        VALUES ('\(queued)', '\(user)', 'queued', 2, 10), ('\(short)', '\(user)', 'queued', 3, 10);
        INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, prompt)
        SELECT '\(user)', id, 0, 'a paper boat' FROM public.batch_jobs;
        INSERT INTO public.video_tasks (user_id, batch_job_id, batch_index, prompt)
        VALUES ('\(user)', '\(queued)', 1, 'a paper boat')
        """

    private func withDeployment(engine: Bool = true, _ body: (ConnectionSettings) async throws -> Void) async throws {
        try await withDatabase { settings in
            try await Deployment.load(
                file: Deployment.root + "/Tests/Oracle/deployed/deployment.sql", into: settings)
            try await ProgramRun.expectingSuccess(
                ["database", "migrate"] + (engine ? ["--engine"] : [])
                    + ["--database", Deployment.conninfo(settings)])
            try await execute(Self.books, in: settings)
            try await body(settings)
        }
    }

    private func adopt(_ arguments: [String], _ settings: ConnectionSettings) async throws -> ProgramRun {
        try await ProgramRun(
            ["adopt"] + arguments + ["--database", Deployment.conninfo(settings)],
            program: RunningProgram.path("daybookd"))
    }

    private func owners(_ settings: ConnectionSettings) async throws -> [String] {
        try await ProgramRun.expectingSuccess(["database", "check", "--database", Deployment.conninfo(settings)])
            .split(separator: "\n").filter { $0.hasPrefix("owners: ") }.map(String.init)
    }

    @Test func `it lists every batch, takes over what it can, and ends with 2 where some are left`() async throws {
        try await withDeployment { settings in
            #expect(
                try await owners(settings) == [
                    "owners: the application has 2 batches (2 queued) and 3 tasks of batches (3 pending)",
                    "owners: the engine has 0 batches and 0 tasks of batches",
                    "owners: 2 batches of the application are queued, and 0 are stuck: in processing, and nobody "
                        + "wrote to them for 10 minutes; what would become of them says: daybookd adopt --all --dry-run",
                ])
            let trial = try await adopt(["--all", "--dry-run"], settings)
            #expect(trial.exitCode == 2, "\(trial.errors)")
            #expect(trial.output.contains("would be taken over: 1 batches"))
            #expect(trial.output.contains("incomplete: it has 1 of 3 tasks"))
            #expect(trial.output.hasSuffix("nothing was changed\n"))
            let run = try await adopt(["--all"], settings)
            #expect(run.exitCode == 2, "\(run.errors)")
            #expect(
                run.output.contains(
                    "taken over: 1 batches, 0 of them settled at once; tasks: 2 ready, 0 accepted, 0 unknown, "
                        + "0 succeeded, 0 failed; credits: 20 frozen, 20 of them now, 0 refunded"))
            #expect(run.output.contains("left with the application: 1 batches; 1 incomplete"))
            #expect(
                try await owners(settings).prefix(2) == [
                    "owners: the application has 1 batches (1 queued) and 1 tasks of batches (1 pending)",
                    "owners: the engine has 1 batches (1 processing) and 2 tasks of batches (2 ready); "
                        + "1 of the batches were taken over",
                ])
            let again = try await adopt(["--batch", Self.queued.uppercased()], settings)
            #expect(again.exitCode == 0 && again.output.contains("the engine's before: 1 batches"), "\(again.errors)")
        }
    }

    @Test func `its exit codes are those of the other commands`() async throws {
        try await withDeployment { settings in
            for (arguments, code) in [
                ([], 64), (["--all", "--batch", Self.queued], 64), (["--batch", "one"], 64),
                (["--all", "--quiet-seconds", "-1"], 64), (["--batch", Self.user], 65), (["--batch", Self.short], 2),
                (["--batch", Self.queued], 0),
            ] as [([String], Int32)] {
                let run = try await adopt(arguments, settings)
                #expect(run.exitCode == code, "\(arguments): \(run.errors)")
            }
            var nowhere = settings
            nowhere.options["port"] = "1"
            #expect(try await adopt(["--all"], nowhere).exitCode == 69)
            let reader = try await withLogin(settings) { try await adopt(["--all"], $0) }
            #expect(reader.exitCode == 78, "\(reader.errors)")
        }
    }

    @Test func `without the engine it says what adds it`() async throws {
        try await withDeployment(engine: false) { settings in
            let run = try await adopt(["--all"], settings)
            #expect(run.exitCode == 78 && run.errors.contains("daybook database migrate --engine"), "\(run.errors)")
            #expect(try await owners(settings).isEmpty)
        }
    }
}
