import Foundation
import TestSupport
import Testing

/// The units with which the daemon and the prober run as services, and the image for containers.
@Suite struct ServiceUnitTests {
    private static let folder = Deployment.root + "/docs/operations/"
    private static let units = [
        "daybook-serve.service", "daybook-work@.service", "daybook-probe@.service", "daybook-probe@.timer",
    ]

    private static func text(_ name: String) throws -> String {
        try String(contentsOfFile: folder + name, encoding: .utf8)
    }

    @Test func `systemd accepts the units, and would find a mistake`() async throws {
        let scratch = try ScratchFolder()
        var paths: [String] = []
        for name in Self.units {
            let text = try Self.text(name)
                .replacing("/usr/local/bin/daybookd", with: RunningProgram.path("daybookd"))
                .replacing("/usr/local/bin/daybook ", with: ProgramRun.daybook + " ")
            paths.append(try scratch.write(text, to: name.replacing("@", with: "@one")))
        }
        let run = try await ProgramRun(["verify"] + paths, program: "/usr/bin/systemd-analyze")
        #expect(run.exitCode == 0 && run.errors.isEmpty, "\(run.errors)")
        let wrong = try Self.text("daybook-serve.service").replacing("RestartSec", with: "RestartSecs")
        let refused = try await ProgramRun(
            ["verify", try scratch.write(wrong, to: "wrong.service")], program: "/usr/bin/systemd-analyze")
        #expect(refused.errors.contains("RestartSecs"), "\(refused.errors)")
    }

    @Test func `what the units and the image run is what the programs know`() async throws {
        var commands = 0
        for name in Self.units + ["Dockerfile"] {
            var text = try Self.text(name).replacing("\\\n", with: " ")
            // As an image has it: ["daybookd", "serve", …].
            text = text.replacing("CMD [", with: "\nExecStart=/usr/local/bin/").replacing("\", \"", with: " ")
                .replacing("\"", with: "").replacing("]", with: "")
            for match in text.matches(of: /ExecStart=\/usr\/local\/bin\/(daybookd?) ([^\n]+)/) {
                let words = match.output.2.split(separator: " ").map(String.init)
                let command = words.prefix { $0.allSatisfy { $0.isLetter } }
                let help = try await ProgramRun(
                    command + ["--help"], program: RunningProgram.path(String(match.output.1)))
                #expect(help.exitCode == 0, "\(match.output.0)")
                for option in words where option.hasPrefix("--") {
                    #expect(help.output.contains(option + " "), "\(name): \(option)")
                }
                commands += 1
            }
        }
        #expect(commands == 4)
    }

    @Test func `the image has every library that the programs are linked with, and another user than root`()
        async throws
    {
        let image = try Self.text("Dockerfile")
        let packages = Set(image.split { $0.isWhitespace }.map(String.init))
        #expect(image.contains("\nUSER 10001:10001\n"))
        var found: Set<String> = []
        for program in ["daybook", "daybookd", "grsai-simulator"] {
            let linked = try await ProgramRun.expectingSuccess(
                [RunningProgram.path(program)], program: "/usr/bin/ldd")
            let needed = try await ProgramRun.expectingSuccess(
                ["-d", RunningProgram.path(program)], program: "/usr/bin/readelf")
            for name in needed.matches(of: /NEEDED.*\[(.+)\]/).map({ String($0.output.1) }) {
                let line = linked.split(separator: "\n").first { $0.contains("\(name) => ") } ?? ""
                let path = line.split(separator: " ").dropFirst(2).first.map(String.init) ?? ""
                // Swift's own are part of a released program.
                guard !path.isEmpty, !path.contains("/swift/") else { continue }
                let real = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
                var owner = try await ProgramRun(["-S", real], program: "/usr/bin/dpkg")
                if owner.exitCode != 0 { owner = try await ProgramRun(["-S", "*" + name], program: "/usr/bin/dpkg") }
                let package = String(owner.output.prefix { $0 != ":" })
                #expect(["libc6", "libgcc-s1"].contains(package) || packages.contains(package), "\(name): \(package)")
                found.insert(package)
            }
        }
        #expect(found.isSuperset(of: ["libpq5", "libxlsxwriter4", "libssl3", "zlib1g"]), "\(found)")
    }
}
