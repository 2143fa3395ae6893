import Foundation
import TestSupport
import Testing

/// The books of a service as it really lives: its own functions wrote them, and a calculation of its own says what
/// they say. One life after another: each holds a connection for as long as it lasts.
@Suite(.serialized) struct DeployedTests {
    /// Seeds of the lives: `DAYBOOK_DEPLOYED_SEEDS=1-200` plays others.
    private static let seeds = SeedRange("DAYBOOK_DEPLOYED_SEEDS", standard: 1...6).seeds

    @Test(arguments: seeds)
    func `statements and explanations of a life agree with the calculation`(seed: Int) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            let differences = try await books.statementDifferences() + books.explainDifferences(batches: 4)
            #expect(differences.isEmpty, "\(books.label(seed)):\n\(differences.joined(separator: "\n"))")
        }
    }

    @Test(arguments: seeds)
    func `the verification of a life agrees with the calculation`(seed: Int) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            let differences = try await books.verifyDifferences()
            #expect(differences.isEmpty, "\(books.label(seed)):\n\(differences.joined(separator: "\n"))")
        }
    }

    @Test(arguments: seeds)
    func `the SLA report of a life agrees with the calculation`(seed: Int) async throws {
        try await withDatabase { settings in
            let books = try await DeployedBooks(seed: seed, in: settings)
            let differences = try await books.slaDifferences()
            #expect(differences.isEmpty, "\(books.label(seed)):\n\(differences.joined(separator: "\n"))")
        }
    }
}
