import Domain
import Foundation

/// The folder of PostgreSQL's server programs, which Debian keeps off the PATH.
struct ServerBinaries: Sendable {
    private static let root = "/usr/lib/postgresql"
    private static let oldest = 15

    let folder: String

    func path(_ program: String) -> String { folder + "/" + program }

    /// The version that made the data directory, else `DAYBOOK_PG_BIN`, else the newest one that is installed.
    static func find(dataDirectory: String, environment: [String: String]) throws(DaybookError) -> ServerBinaries {
        if let folder = environment["DAYBOOK_PG_BIN"], !folder.isEmpty { return ServerBinaries(folder: folder) }
        let made = FileManager.default.contents(atPath: dataDirectory + "/PG_VERSION")
            .flatMap { Int(String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) }
        let installed = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(Int.init)
            .filter { FileManager.default.isExecutableFile(atPath: "\(root)/\($0)/bin/initdb") }
        if let made {
            guard installed.contains(made) else {
                throw .configuration("The private cluster was made by PostgreSQL \(made), which is not installed.")
            }
            return ServerBinaries(folder: "\(root)/\(made)/bin")
        }
        guard let newest = installed.max(), newest >= oldest else {
            throw .configuration(
                "PostgreSQL \(oldest) is not installed: apt-get install postgresql-\(oldest), or name a database "
                    + "with --database."
            )
        }
        return ServerBinaries(folder: "\(root)/\(newest)/bin")
    }
}
