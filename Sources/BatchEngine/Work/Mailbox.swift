/// Where one task leaves things for another, which takes all there is at once.
actor Mailbox<Element: Sendable> {
    private var items: [Element] = []
    private var waiter: CheckedContinuation<Void, Never>?

    /// Things that nobody has taken yet.
    var count: Int { items.count }

    func put(_ item: Element) {
        items.append(item)
        wake()
    }

    /// Puts things back in front of the others, because they could not be dealt with.
    func putBack(_ returned: [Element]) {
        items = returned + items
        wake()
    }

    /// Waits until there is something and takes it all; nothing where the caller was cancelled.
    func takeAll() async -> [Element] {
        if items.isEmpty, !Task.isCancelled {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    // Cancelled meanwhile: its wake-up found nobody.
                    if Task.isCancelled { continuation.resume() } else { waiter = continuation }
                }
            } onCancel: {
                Task { await self.wake() }
            }
        }
        defer { items = [] }
        return items
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }
}
