import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Sends the callbacks that are due: each once, whatever comes back, those of one task in their order.
struct CallbackCourier: Service {
    let provider: SimulatedProvider
    let client: HTTPClient

    /// Tasks whose callbacks are under way at once.
    private static let lanes = 64
    /// Real milliseconds between two looks at the clock: a simulated one can jump, so there is no instant to sleep to.
    private static let tickMilliseconds: Int64 = 10

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            try await withThrowingTaskGroup(of: Void.self) { group in
                var underWay = 0
                while !Task.isCancelled {
                    let due = try await provider.dueCallbacks(tasks: Self.lanes)
                    for callbacks in due {
                        if underWay >= Self.lanes {
                            try await group.next()
                            underWay -= 1
                        }
                        group.addTask { await deliver(callbacks) }
                        underWay += 1
                    }
                    guard due.isEmpty else { continue }
                    do { try await Task.sleep(for: .milliseconds(Self.tickMilliseconds)) } catch { break }
                }
                group.cancelAll()
            }
        }
    }

    private func deliver(_ callbacks: SimulatedProvider.DueCallbacks) async {
        for body in callbacks.bodies {
            var request = HTTPClientRequest(url: callbacks.address)
            request.method = .POST
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
            // A receiver that is not there is its own trouble; the provider does not try again.
            guard let response = try? await client.execute(request, timeout: .seconds(5)) else { continue }
            _ = try? await response.body.collect(upTo: 65_536)
            if (200...299).contains(response.status.code) { await provider.delivered() }
        }
    }
}
