import Domain
import TestSupport
import Testing

/// A worker on a database in which somebody planted functions and operators under every name that our SQL uses.
@Suite(.serialized) struct PlantedTests {
    @Test func `a worker calls nothing that was planted`() async throws {
        try await EngineRig.run(credits: 1000, knobs: ["error=300"], planted: true) { rig in
            let worker = try await rig.startWorker()
            let batchID = try await rig.create(Array(repeating: .sora2, count: 12))
            try await rig.waitUntilSettled(batchID, seconds: 60)
            #expect(await worker.stop() == 0, "\(worker.errors)")
            #expect(try PlantedNames.called(in: rig.settings).isEmpty)
        }
    }
}
