import Foundation
import TestSupport
import Testing

/// The books of a service as it really lives: its own functions wrote them, and a calculation of its own says what they say.
@Suite struct DeployedTests {
    /// Seeds of the lives: `DAYBOOK_DEPLOYED_SEEDS=1-200` plays others.
    private static let seeds = SeedRange("DAYBOOK_DEPLOYED_SEEDS", standard: 1...6).seeds

    @Test(arguments: seeds)
    func `the SLA report, statements, verification and explanation of a life agree with the calculation`(
        seed: Int
    ) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            var differences = try await books.slaDifferences()
            differences += try await books.statementDifferences()
            differences += try await books.verifyDifferences()
            differences += try await books.explainDifferences(batches: 4)
            let label = "seed \(seed), \(books.month), \(books.account ?? "everybody")"
            #expect(differences.isEmpty, "\(label):\n\(differences.joined(separator: "\n"))")
        }
    }
}
