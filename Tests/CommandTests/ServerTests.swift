import Foundation
import TestSupport
import Testing

/// Servers of several versions: whatever the commands write is the same on each.
@Suite struct ServerTests {
    /// The versions, the oldest first, to which the others are compared. `scripts/test-servers` names all of them.
    private static let versions = (ProcessInfo.processInfo.environment["DAYBOOK_SERVERS"] ?? "15 18")
        .split(separator: " ").compactMap { Int($0) }
    private static let isWhole = ProcessInfo.processInfo.environment["DAYBOOK_SERVERS_WHOLE"] == "1"

    @Test func `every server gives the same bytes, from migrating to restoring`() async throws {
        let outcomes = try await withThrowingTaskGroup(of: (Int, ServerBattery.Outcome).self) { group in
            for version in Self.versions {
                group.addTask {
                    (version, try await ServerBattery(version: version, isWhole: Self.isWhole).run())
                }
            }
            return try await group.reduce(into: [Int: ServerBattery.Outcome]()) { $0[$1.0] = $1.1 }
        }
        let first = try #require(outcomes[Self.versions[0]])
        #expect(first.files.count > (Self.isWhole ? 450 : 150) && first.files.values.allSatisfy { !$0.isEmpty })
        for version in Self.versions {
            let outcome = try #require(outcomes[version])
            #expect(outcome.version.hasPrefix("\(version)."), "\(outcome.version)")
            #expect(outcome.files.keys.sorted() == first.files.keys.sorted())
            let different = outcome.files.filter { $0.value != first.files[$0.key] }.keys.sorted()
            #expect(different.isEmpty, "PostgreSQL \(outcome.version): \(different.prefix(20))")
            print("server | \(outcome.version) | \(outcome.files.count) | \(different.count) | \(outcome.seconds)")
        }
    }
}
