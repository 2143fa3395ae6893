import Domain
import Foundation

/// What a cluster is made of: its folders, its data directory, who may come in, and its database.
extension PrivateCluster {
    func makeHome() throws(DaybookError) {
        do {
            // The server's user has to pass what is above it; the home itself is closed below.
            try FileManager.default.createDirectory(
                atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        } catch {
            throw .configuration(
                "The private directory \(home) cannot be made; name another one in \(Setting.home.rawValue).")
        }
        let folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        try account.own(folder, path: home)
        guard account.canReach(home) else {
            throw .configuration(
                "The user \(account.name), as which PostgreSQL runs, cannot reach \(home); name another place in "
                    + "\(Setting.home.rawValue)."
            )
        }
    }

    func makeSocketDirectory() throws(DaybookError) {
        if mkdir(socketDirectory, 0o700) != 0, errno != EEXIST {
            throw .configuration("The socket directory \(socketDirectory) cannot be made.")
        }
        let folder = open(socketDirectory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        var info = stat()
        guard folder >= 0, fstat(folder, &info) == 0, info.st_uid == getuid() || info.st_uid == account.userID else {
            throw .configuration(
                "\(socketDirectory) belongs to somebody else; name another place in \(Setting.home.rawValue).")
        }
        try account.own(folder, path: socketDirectory)
    }

    /// Makes the data directory under another name first: an interrupted start leaves no half of one.
    func create() throws(DaybookError) {
        let unfinished = home + "/data.unfinished"
        try? FileManager.default.removeItem(atPath: unfinished)
        try ServerProcess.run(
            account.command(binaries.path("initdb")) + [
                "--pgdata", unfinished, "--username", Self.role, "--auth", "peer", "--encoding", "UTF8",
                "--locale", "C.UTF-8", "--data-checksums",
            ], failure: "The private PostgreSQL cluster cannot be created in \(home)")
        try write(identities(of: Self.role), to: "pg_ident.conf", in: unfinished, replacing: false)
        try write(
            "local all \(Self.role) peer map=daybook\n", to: "pg_hba.conf", in: unfinished, replacing: true)
        guard rename(unfinished, dataDirectory) == 0 else {
            throw .configuration("The data directory \(dataDirectory) cannot be made.")
        }
    }

    /// Lets the same users in as the login that only reads. True where that is news: clusters that were made before
    /// there was one do not have its lines.
    func admitReader() throws(DaybookError) -> Bool {
        let rules = dataDirectory + "/pg_hba.conf"
        guard let known = FileManager.default.contents(atPath: rules) else {
            throw .configuration("\(rules) cannot be read.")
        }
        let words = String(decoding: known, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard !words.contains(Substring(Self.reader)) else { return false }
        // Added to, never written anew: what an operator put there stays, also if this is interrupted.
        try write("\n" + identities(of: Self.reader), to: "pg_ident.conf", in: dataDirectory, replacing: false)
        try write(
            "\nlocal all \(Self.reader) peer map=daybook\n", to: "pg_hba.conf", in: dataDirectory, replacing: false)
        return true
    }

    /// Who may come as a role: root, and the user that the server runs as.
    private func identities(of role: String) -> String {
        Set(["root", account.name]).sorted().map { "daybook \($0) \(role)\n" }.joined()
    }

    /// Writes to a file that initdb has made. We may be root, and the folder is another user's: a link that lies there
    /// instead is not followed, and a file that is not that user's is left alone.
    private func write(_ text: String, to name: String, in path: String, replacing: Bool) throws(DaybookError) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        defer { if folder >= 0 { close(folder) } }
        let file = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        defer { if file >= 0 { close(file) } }
        var info = stat()
        let bytes = Array(text.utf8)
        guard file >= 0, fstat(file, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_nlink == 1,
            info.st_uid == account.userID, !replacing || ftruncate(file, 0) == 0, lseek(file, 0, SEEK_END) >= 0,
            Foundation.write(file, bytes, bytes.count) == bytes.count
        else { throw .configuration("\(path)/\(name) cannot be written.") }
    }

    func createDatabase(_ name: String) async throws {
        let connection = try await Connection.open(settings(database: "postgres"))
        do {
            try await connection.run { session in
                let known = try session.query(
                    """
                    SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1) AS has_database,
                        EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS has_reader
                    """, [.text(name), .text(Self.reader)])[0]
                func make(_ sql: String) throws {
                    do {
                        try session.executeAlone(sql)
                    } catch let error as PostgresError
                        where ["42P04", "42710", "23505"].contains(error.sqlState?.rawValue)
                    {
                        // Another command made it in the meantime.
                    }
                }
                if try !known.bool("has_database") { try make("CREATE DATABASE \(session.quoteIdentifier(name))") }
                // Row-level security would hide rows from a report, and a report refuses to be told less.
                if try !known.bool("has_reader") { try make("CREATE ROLE \(Self.reader) LOGIN BYPASSRLS") }
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }
}
