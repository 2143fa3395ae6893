import BatchEngine
import Foundation
import Grsai
import GrsaiSimulator
import TestSupport
import Testing

/// The simulator's journal, and the program.
@Suite struct ProgramTests {
    private static let program = URL(fileURLWithPath: ProgramRun.daybook).deletingLastPathComponent()
        .appending(path: "grsai-simulator").path

    @Test func `a journal counts over a restart, and a task submitted on both sides is a duplicate`() async throws {
        let folder = try ScratchFolder()
        let journal = folder.file("accepted.jsonl")
        for (start, nonces) in [(0, ["n-1", "n-2"]), (2, ["n-2", "n-3"])] {
            try await RunningSimulator.run(journal: journal) { simulator async throws in
                for nonce in nonces { #expect(await simulator.client.submit(.test(nonce: nonce)).acceptedID != nil) }
                let stats = try await simulator.stats()
                #expect(stats.earlier == start && stats.accepted == 2 && stats.duplicates == start / 2)
                let tasks = try await simulator.tasks()
                #expect(tasks.count == start + 2 && Set(tasks.map(\.id)).count == tasks.count)
                if start > 0 { #expect(await simulator.client.status(of: tasks[0].id) == .notFound) }
            }
        }
        #expect(try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n").count == 4)
    }

    @Test func `an unfinished last line of a journal is cut off`() async throws {
        let folder = try ScratchFolder()
        let journal = try folder.write(
            "{\"id\":\"a\",\"model\":\"sora-2\",\"nonce\":\"n-1\"}\n{\"id\":\"b", to: "j.jsonl")
        try await RunningSimulator.run(journal: journal) { simulator async throws in
            let stats = try await simulator.stats()
            #expect(stats.earlier == 1)
            _ = await simulator.client.submit(.test(nonce: "n-2"))
        }
        try await RunningSimulator.run(journal: journal) { simulator async throws in
            let stats = try await simulator.stats()
            #expect(stats.earlier == 2)
        }
    }

    @Test func `the program prints its address, serves, and ends when it is asked, hung lines or not`() async throws {
        let script = """
            "$1" --preset faulty --knob accept_then_hang=1000 --knob accept_then_drop=0 --knob accept_then_error=0 \
                --knob accept_data_null=0 --knob accept_flat=0 --knob accept_garbage=0 --knob refuse=0 \
                --knob too_many_requests=0 --knob bad_request=0 --knob error_before_accepting=0 \
                --time-scale 60 --journal j.jsonl > address &
            simulator=$!
            until [ -s address ]; do kill -0 $simulator || exit 9; done
            address=$(cat address)
            curl -s -m 30 -H 'Authorization: Bearer sk-simulator' "$address/v1/video/sora-video" \
                -d '{"model":"sora-2","prompt":"x","webHook":"-1"}' &
            hung=$!
            until [ -s j.jsonl ]; do kill -0 $hung || exit 8; done
            curl -s "$address/admin/stats"
            kill -TERM $simulator
            wait $simulator
            """
        let run = try await ProgramRun(["-c", script, "sh", Self.program], program: "/bin/sh", killAfter: nil)
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("\"accepted\":1"))
        #expect(run.output.contains("\"accept_then_hang\":1"))
    }

    @Test func `the help names every knob`() async throws {
        let help = try await ProgramRun.expectingSuccess(["--help"], program: Self.program)
        for knob in Knob.allCases { #expect(help.contains(knob.rawValue), "\(knob.rawValue)") }
    }

    @Test func `a mistake in the options is explained and has its exit code`() async throws {
        for arguments in [
            ["--knob", "no_such_knob=1"], ["--knob", "stall"], ["--knob", "stall=x"], ["--port", "70000"],
            ["--time-scale", "-1"], ["--preset", "wild"],
        ] {
            let run = try await ProgramRun(arguments, program: Self.program)
            #expect(run.exitCode == 64 && !run.errors.isEmpty && run.output.isEmpty, "\(arguments): \(run)")
        }
        let missing = try await ProgramRun(["--journal", "/no/such/folder/j"], program: Self.program)
        #expect(missing.exitCode == 73)
    }
}
