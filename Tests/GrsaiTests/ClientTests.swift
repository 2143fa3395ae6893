import BatchEngine
import Domain
import Grsai
import GrsaiSimulator
import Testing

/// The client against the running simulator.
@Suite struct ClientTests {
    @Test(arguments: VideoModel.allCases)
    func `a task is taken, runs, and ends with a video`(model: VideoModel) async throws {
        try await RunningSimulator.run([.notFoundSeconds: 3]) { simulator async throws in
            let answer = await simulator.client.submit(.test(model, seconds: 5, nonce: "n-1"))
            let id = try #require(answer.acceptedID)
            let task = try #require(try await simulator.tasks().first)
            #expect(task.id == id && task.nonce == "n-1" && task.web_hook == "http://127.0.0.1:9/callbacks/n-1")
            #expect(await simulator.client.status(of: id) == .notFound)
            try await simulator.advance(seconds: 30)
            guard case .running(let progress) = await simulator.client.status(of: id) else {
                throw TestFailure("It does not run.")
            }
            #expect((1...99).contains(progress))
            try await simulator.advance(seconds: 1200)
            guard case .succeeded(let url, let pid) = await simulator.client.status(of: id) else {
                throw TestFailure("It did not succeed.")
            }
            #expect((pid != nil) == (model == .sora2))
            let first = try await RunningSimulator.send("GET", url)
            let second = try await RunningSimulator.send("GET", url)
            #expect(first.status == 200 && first.body == second.body && first.body.count > 1000)
            try await simulator.advance(seconds: 7200)
            #expect(try await RunningSimulator.send("GET", url).status == 404)
        }
    }

    /// What one knob, turned up whole, must look like to the client, and whether the provider took the task.
    private struct Case: Sendable {
        let knob: Knob
        let taken: Bool
        let fits: @Sendable (SubmissionAnswer) -> Bool
    }

    private static let cases = [
        Case(knob: .tooManyRequests, taken: false) {
            $0.refusal?.kind == .temporary && $0.refusal?.retryAfterSeconds == 5
        },
        Case(knob: .unauthorized, taken: false) { $0.refusal?.kind == .account },
        Case(knob: .badRequest, taken: false) { $0.refusal?.kind == .task },
        Case(knob: .refuse, taken: false) { $0.refusal?.kind == .task },
        Case(knob: .errorBeforeAccepting, taken: false) { $0.isUnknown },
        Case(knob: .acceptThenDrop, taken: true) { $0.isUnknown },
        Case(knob: .acceptThenError, taken: true) { $0.isUnknown },
        Case(knob: .acceptThenHang, taken: true) { $0.isUnknown },
        Case(knob: .acceptDataNull, taken: true) { $0.isUnknown },
        Case(knob: .acceptGarbage, taken: true) { $0.isUnknown },
        Case(knob: .acceptFlat, taken: true) { $0.acceptedID != nil },
    ]

    @Test func `every fault of a submission is told apart, and none is sent twice`() async throws {
        #expect(Set(Self.cases.map(\.knob)) == Set(Knob.allCases.filter { Self.isFaultOfSubmission($0) }))
        for each in Self.cases {
            try await RunningSimulator.run([each.knob: 1000], submissionSeconds: 2) { simulator async throws in
                await withTaskGroup(of: Void.self) { group in
                    for index in 0..<20 {
                        group.addTask {
                            let answer = await simulator.client.submit(.test(nonce: "n-\(index)"))
                            #expect(each.fits(answer), "\(each.knob.rawValue): \(answer)")
                        }
                    }
                }
                let stats = try await simulator.stats()
                #expect(stats.submissions == 20, "\(each.knob.rawValue)")
                #expect(stats.accepted == (each.taken ? 20 : 0) && stats.duplicates == 0)
                let named = each.taken ? stats.untold : stats.refused
                #expect(named == [each.knob.rawValue: 20])
            }
        }
    }

    private static func isFaultOfSubmission(_ knob: Knob) -> Bool {
        switch knob {
        case .tooManyRequests, .unauthorized, .badRequest, .refuse, .errorBeforeAccepting: true
        default: knob.rawValue.hasPrefix("accept_")
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [Int64])
    func `under all faults at once, accepted is true, refused is true, and nothing is sent twice`(
        seed: Int64
    ) async throws {
        print("seed \(seed)")
        let changes: [Knob: Int64] = [.seed: seed, .acceptThenDrop: 150, .acceptThenError: 100, .acceptThenHang: 20]
        try await RunningSimulator.run(changes, preset: .faulty, submissionSeconds: 5) { simulator async throws in
            let answers = await withTaskGroup(of: (String, SubmissionAnswer).self) { group in
                var answers: [String: SubmissionAnswer] = [:]
                for index in 0..<300 {
                    // As many at once as a worker has slots.
                    if index >= 32, let (nonce, answer) = await group.next() { answers[nonce] = answer }
                    group.addTask {
                        let nonce = "n-\(seed)-\(index)"
                        let model = VideoModel.allCases[index % 3]
                        return (nonce, await simulator.client.submit(.test(model, nonce: nonce)))
                    }
                }
                return await group.reduce(into: answers) { $0[$1.0] = $1.1 }
            }
            let taken = Dictionary(grouping: try await simulator.tasks(), by: { $0.nonce ?? "" })
            #expect(try await simulator.stats().submissions <= 300)
            #expect(taken.values.allSatisfy { $0.count == 1 })
            var orphans = 0
            for (nonce, answer) in answers {
                switch answer {
                case .accepted(let id): #expect(taken[nonce]?.first?.id == id)
                case .refused: #expect(taken[nonce] == nil, "\(nonce): \(answer)")
                case .unknown: orphans += taken[nonce] == nil ? 0 : 1
                }
            }
            #expect(orphans > 20 && answers.values.contains { $0.refusal != nil })
        }
    }

    @Test func `a wrong key is a matter of the account`() async throws {
        try await RunningSimulator.run { simulator async throws in
            let other = try GrsaiClient(settings: GrsaiSettings(baseURL: simulator.address, key: "sk-other"))
            #expect(await other.submit(.test()).refusal?.kind == .account)
            await #expect(throws: DaybookError.self) { try await other.credits() }
            try await other.shutdown()
        }
    }

    @Test func `credits are spent, and without them nothing is taken`() async throws {
        try await RunningSimulator.run([.credits: 4000]) { simulator async throws in
            #expect(await simulator.client.submit(.test()).acceptedID != nil)
            #expect(try await simulator.client.credits() == 2400)
            #expect(await simulator.client.submit(.test()).acceptedID != nil)
            #expect(await simulator.client.submit(.test()).refusal?.kind == .account)
            #expect(try await simulator.client.credits() == 800)
            #expect(try await simulator.stats().refused == ["no_credits": 1])
        }
    }

    @Test func `what the provider does not render is refused as a task`() async throws {
        try await RunningSimulator.run { simulator async throws in
            #expect(await simulator.client.submit(.test(prompt: "")).refusal?.kind == .task)
            let square = ProviderRequest(
                model: .veoPro, prompt: "x", referenceURL: nil, aspectRatio: "1:1", durationSeconds: 10, size: "small",
                callbackURL: nil)
            #expect(await simulator.client.submit(square).refusal?.kind == .task)
        }
    }
}
