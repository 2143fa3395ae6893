/// Wakes one loop that waits: what rings while it does something else is heard when it waits again.
actor Bell {
    private var isRung = false
    private var waiter: CheckedContinuation<Void, Never>?

    func ring() {
        isRung = true
        wake()
    }

    /// Ends when it is rung, when the time is over, or when the caller is cancelled.
    func wait(atMost duration: Duration) async {
        if !isRung, !Task.isCancelled {
            let timer = Task {
                try await Task.sleep(for: duration)
                wake()
            }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    // Cancelled meanwhile: its wake-up found nobody.
                    if Task.isCancelled { continuation.resume() } else { waiter = continuation }
                }
            } onCancel: {
                Task { await self.wake() }
            }
            timer.cancel()
        }
        isRung = false
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }
}
