import Domain

extension SimulatedProvider {
    /// Everything that was taken, in its order, those of the journal first.
    func adminTasks(nonce: String?, id: String?, offset: Int, limit: Int) -> AdminPage {
        let now = clock.now
        var all = earlier.enumerated().map { AdminTask($0.element, ordinal: $0.offset + 1) }
        all += tasks.map { AdminTask($0, now: now) }
        if let nonce { all = all.filter { $0.nonce == nonce } }
        if let id { all = all.filter { $0.id == id } }
        return AdminPage(total: all.count, tasks: Array(all.dropFirst(offset).prefix(limit)))
    }

    func stats() -> SimulatorCounts {
        var result = counts
        var seen: Set<String> = []
        for nonce in earlier.compactMap(\.nonce) + tasks.compactMap(\.nonce) where !seen.insert(nonce).inserted {
            result.duplicates += 1
        }
        result.neverPolled = tasks.count { $0.polls == 0 }
        result.creditsLeft = knobs[.credits]
        result.simulatedSeconds = clock.now / 1_000_000
        return result
    }

    /// Sets some knobs anew, for what arrives from now on; gives all.
    func change(_ changes: [String: Int64]) throws -> [String: Int64] {
        knobs = try knobs.setting(changes)
        return knobs.named
    }

    /// Moves the simulated time on; gives the seconds since the start.
    func advance(bySeconds seconds: Int64) throws -> Int64 {
        guard (0...31_536_000).contains(seconds) else {
            throw DaybookError.usage("The clock can be moved by 0 to 31536000 seconds at a time.")
        }
        clock.advance(byMicroseconds: seconds * 1_000_000)
        return clock.now / 1_000_000
    }
}
