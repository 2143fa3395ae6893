import ArgumentParser
import Domain
import Foundation
import Postgres
import Schema

/// `daybook profiles …`
struct ProfilesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profiles", abstract: "Contract profiles: what is promised, as versioned data.",
        subcommands: [Import.self, List.self, Show.self])

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import a contract profile from JSON. A version is never changed, only followed by the next.",
            discussion: "Start from the standard one: daybook profiles show standard > ours.json")

        @Argument(help: "The file.", completion: .file(extensions: ["json"])) var file: String
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw DaybookError.badData("There is no file \(file) that can be read.")
            }
            let bytes = Array(data)
            let (profile, isNew) = try await database.withConnection { connection in
                try await connection.transaction { session in try Books.add(profile: bytes, session) }
            }
            Terminal.show("\(profile.name), version \(profile.version): \(isNew ? "imported" : "already there")")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the newest version of every profile.")
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            var documents = try await Reading.profiles(database)
            if documents["standard"] == nil { documents["standard"] = try ProfilesCommand.shippedStandard() }
            var table = TextTable(columns: [
                "profile", .name("version"), .number("availability %"), "clock", "models", "SHA-256",
            ])
            for (name, document) in documents.sorted(by: { $0.key < $1.key }) {
                let profile = try ContractProfile(json: Array(document.utf8))
                table.add([
                    name, String(profile.version), profile.availabilityTarget.description, profile.clock.rawValue,
                    profile.completions.keys.sorted().joined(separator: ", "), Books.digest(document),
                ])
            }
            table.show()
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the document of a profile.")
        @Argument(help: "The profile's name.") var name = "standard"
        @OptionGroup(title: "Database") var database: DatabaseOptions

        func run() async throws {
            var document = try await Reading.profiles(database)[name]
            if document == nil, name == "standard" { document = try ProfilesCommand.shippedStandard() }
            guard let document else {
                throw DaybookError.usage("There is no profile \"\(name)\"; see: daybook profiles list")
            }
            Terminal.show(document)
        }
    }

    static func shippedStandard() throws -> String {
        let path = try InstalledFiles.folder("reports") + "/sla/standard-profile.json"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw DaybookError.configuration("\(path) is missing; run make install again.")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
