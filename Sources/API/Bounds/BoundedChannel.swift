import Domain
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// HTTP/1.1 on a connection that is held to its bounds.
struct BoundedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let http: HTTP1Channel
    let traffic: Traffic
    let bodySeconds: Int

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        traffic.open(channel)
        let (traffic, bodySeconds) = (traffic, bodySeconds)
        return http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            // Small buffers: those that wait to be read are as large as they can be, not as what is in them.
            try channel.syncOptions?.setOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: 64, initial: 2048, maximum: Limits.receiveBufferBytes))
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(
                BoundsHandler(traffic, ObjectIdentifier(channel), bodySeconds: bodySeconds), position: .after(decoder))
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await http.handle(value: value, logger: logger)
    }
}
