import Foundation
import TestSupport
import Testing

@testable import Retention

/// The units for systemd, cron and Kubernetes, and the commands in them.
@Suite struct OperationsTests {
    private static let folder = Deployment.root + "/docs/operations/"

    private func text(_ name: String) throws -> String {
        try String(contentsOfFile: Self.folder + name, encoding: .utf8)
    }

    @Test func `systemd accepts the service and its timer`() async throws {
        let scratch = try ScratchFolder()
        let service = try text("daybook-retention.service").replacing(
            "/usr/local/bin/daybook", with: ProgramRun.daybook)
        let paths = [
            try scratch.write(service, to: "daybook-retention.service"),
            try scratch.write(try text("daybook-retention.timer"), to: "daybook-retention.timer"),
        ]
        let run = try await ProgramRun(["verify"] + paths, program: "/usr/bin/systemd-analyze")
        #expect(run.exitCode == 0 && run.errors.isEmpty, "\(run.errors)")
        // A unit that is wrong is refused: the test can fail.
        let wrong = try scratch.write(service.replacing("Type=oneshot", with: "Typo=oneshot"), to: "wrong.service")
        let refused = try await ProgramRun(["verify", wrong], program: "/usr/bin/systemd-analyze")
        #expect(refused.errors.contains("Typo"), "\(refused.errors)")
    }

    @Test func `the CronJob is YAML of the kind, and forbids two purges at once`() async throws {
        let script = """
            import sys, yaml
            job = yaml.safe_load(open(sys.argv[1]))
            spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
            print(job["apiVersion"], job["kind"], job["spec"]["concurrencyPolicy"], spec["restartPolicy"])
            steps = spec["initContainers"] + spec["containers"]
            for step in steps: print(" ".join(step["command"]))
            volumes = {volume["name"] for volume in spec["volumes"]}
            for step in steps:
                assert {mount["name"] for mount in step["volumeMounts"]} == volumes
                assert {variable["name"] for variable in step["env"]} == {"DAYBOOK_HOME", "DATABASE_URL"}
            """
        let run = try await ProgramRun(
            ["-c", script, Self.folder + "daybook-retention.cronjob.yaml"], program: TestPython.path)
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.hasPrefix("batch/v1 CronJob Forbid Never\n"))
        try await checkCommands(run.output)
    }

    @Test func `every command in the units is one that the program knows`() async throws {
        let line = try text("daybook-retention.crontab").components(separatedBy: "\n").filter { !$0.hasPrefix("#") }[0]
        let fields = line.split(separator: " ", maxSplits: 5)
        #expect(fields.prefix(5).allSatisfy { $0.allSatisfy { $0.isNumber || $0 == "*" } })
        try await checkCommands(line)
        try await checkCommands(try text("daybook-retention.service"))
    }

    private func checkCommands(_ text: String) async throws {
        let commands = text.matches(of: /daybook ((?:retention|database)[ a-z-]+)/).map {
            $0.output.1.split(separator: " ").map(String.init)
        }
        // In this order in all of them: what a refusal of the purge must not keep from happening comes first.
        #expect(
            commands.map { $0[0] + " " + $0[1] + ($0.contains("--resume") ? " --resume" : "") } == [
                "database partitions", "retention expire-archives", "retention purge --resume", "retention purge",
                "retention verify",
            ])
        for command in commands {
            let run = try await ProgramRun(command + ["--help"])
            #expect(run.exitCode == 0, "\(command)")
            for option in command where option.hasPrefix("--") { #expect(run.output.contains(option), "\(command)") }
        }
    }

    @Test(arguments: NextStep.all.map(\.description))
    func `every command that a message of the retention names is one of the program's`(command: String) async throws {
        let words = command.split(separator: " ").map(String.init)
        #expect(words.first == "daybook")
        let named = Array(words.dropFirst().prefix { !$0.hasPrefix("--") && $0 != $0.uppercased() })
        let help = try await ProgramRun(named + ["--help"])
        #expect(help.exitCode == 0 && help.output.contains("USAGE: daybook " + named.joined(separator: " ")))
        for option in words where option.hasPrefix("--") {
            #expect(help.output.contains(option), "\(command): \(help.output)")
        }
    }

    @Test func `no message of the retention names a command beside them`() throws {
        let folder = URL(fileURLWithPath: Deployment.root + "/Sources/Retention")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.allObjects ?? []
        let sources = files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
        #expect(sources.count > 40)
        let commands = /daybook (retention|database|close|accounts|report|ledger|keys) (?!extract 1)[a-z]/
        for source in sources where source.lastPathComponent != "NextStep.swift" {
            for line in try String(contentsOf: source, encoding: .utf8).split(separator: "\n")
            where !line.contains("///") {
                #expect(line.firstMatch(of: commands) == nil, "\(source.lastPathComponent): \(line)")
            }
        }
    }
}
