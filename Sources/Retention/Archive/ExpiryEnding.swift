internal import Domain
internal import Postgres

/// How the destruction of archives ended before its end: which are gone, and which are certified as gone.
struct ExpiryEnding: Sendable {
    /// Whose archives were to be destroyed.
    let runs: [Int64]
    /// Those that were, as far as the program knows.
    let destroyed: [Int64]

    func of(_ error: any Error, _ connection: DirectConnection) async -> any Error {
        let isInterruption = RunEnding.isInterruption(error)
        do {
            let runs = runs
            let states = try await Aftermath.ask(connection) { session in
                try session.query(
                    "SELECT run_id, archive_state FROM daybook.purge_run WHERE run_id = ANY ($1) ORDER BY run_id",
                    [.ints(runs)]
                ).map { (run: try $0.int("run_id"), state: try $0.text("archive_state")) }
            }
            func these(_ state: String) -> [Int64] { states.filter { $0.state == state }.map(\.run) }
            return StoppedRun(
                isInterruption ? .interruption : .failure(Aftermath.settled(error)),
                standing: Self.standing(these("destroyed"), begun: these("expiring"), left: these("kept")))
        } catch let unanswered {
            guard !(unanswered is DaybookError) else { return unanswered }
            return StoppedRun(
                isInterruption ? .interruption : .failure(error),
                standing: "At least so far as this program knows: "
                    + Self.standing(destroyed, begun: [], left: runs.filter { !destroyed.contains($0) }))
        }
    }

    private static func standing(_ destroyed: [Int64], begun: [Int64], left: [Int64]) -> String {
        var parts: [String] = []
        if !destroyed.isEmpty { parts.append("\(archives(destroyed)) destroyed, which is certified") }
        if !begun.isEmpty { parts.append("\(archives(begun)) being destroyed, which nothing certifies yet") }
        if !left.isEmpty { parts.append("\(archives(left)) still there") }
        let sentence = parts.isEmpty ? "No archive was due" : parts.joined(separator: "; ")
        return sentence + ". Go on with: daybook retention expire-archives"
    }

    private static func archives(_ runs: [Int64]) -> String {
        runs.count == 1
            ? "the archive of purge \(runs[0]) is"
            : "the archives of the purges \(runs.map(String.init).joined(separator: ", ")) are"
    }
}
