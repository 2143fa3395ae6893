import Domain
import Foundation
import Retention
import Synchronization

/// Shows a purge: a bar with rate and remaining time on a terminal, a plain line now and then elsewhere.
final class PurgeDisplay: Sendable {
    private static let width: Int64 = 30
    private static let linesApartSeconds: Int64 = 10

    private struct State {
        var relation = ""
        var firstRows: Int64?
        var lastLine: ContinuousClock.Instant?
        var lastText = ""
    }

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let isQuiet: Bool
    private let startedAt = ContinuousClock.now
    private let state = Mutex(State())

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    func tell(_ progress: PurgeProgress) {
        guard !isQuiet else { return }
        switch progress {
        case .step(let step): show(step, always: true)
        case .pausing(let reason): show("pausing: \(reason)", always: false)
        case .sweeping(let relation, let done, let pages, let taken, let planned):
            let isNew = state.withLock { state in
                defer { state.relation = relation }
                if state.firstRows == nil { state.firstRows = taken }
                return state.relation != relation
            }
            let first = state.withLock { $0.firstRows ?? taken }
            let seconds = max(Int64((ContinuousClock.now - startedAt) / .seconds(1)), 1)
            let rate = (taken - first) / seconds
            var text = "\(relation) \(bar(done, pages)) \(taken) rows"
            if planned > 0 { text += " of \(planned)" }
            text += ", \(rate) rows/s"
            if rate > 0, planned > taken { text += ", \((planned - taken) / rate + 1) s left" }
            show(text, always: isNew || done == pages)
        }
    }

    func finish() {
        guard !isQuiet, isTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K".utf8))
    }

    private func bar(_ done: Int64, _ pages: Int64) -> String {
        guard isTerminal else { return "\(done * 100 / max(pages, 1)) %" }
        let filled = Int(done * Self.width / max(pages, 1))
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: Int(Self.width) - filled)
            + "]"
    }

    private func show(_ text: String, always: Bool) {
        if isTerminal {
            FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
            return
        }
        let isDue = state.withLock { state in
            let now = ContinuousClock.now
            let isDue = state.lastLine.map { now - $0 > .seconds(Self.linesApartSeconds) } ?? true
            guard always || isDue, state.lastText != text else { return false }
            state.lastLine = now
            state.lastText = text
            return true
        }
        if isDue { Terminal.say("daybook: \(text)") }
    }
}
