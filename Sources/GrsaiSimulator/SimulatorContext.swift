import Hummingbird
import NIOCore

/// A request's context that can break its own line.
struct SimulatorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// Closes the line without an answer.
    func breakLine() async {
        try? await channel.close()
    }
}
