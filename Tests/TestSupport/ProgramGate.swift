import Foundation

/// Lets as many programs run at once as the machine has cores: tests that all start theirs at once would only time each other out.
actor ProgramGate {
    static let shared = ProgramGate(places: max(ProcessInfo.processInfo.activeProcessorCount, 2))

    private var places: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(places: Int) {
        self.places = places
    }

    func enter() async {
        if places > 0 {
            places -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    func leave() {
        if waiting.isEmpty {
            places += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
