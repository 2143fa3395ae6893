import Domain
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Holds one connection to its bounds: a deadline for a body and for an answer, room for what has come, and a close
/// that lets the last answer arrive.
///
/// It stands between HTTP's own codec and the server. A body that is given up ends in an error, which whoever reads it
/// turns into an answer; after that answer the connection is closed.
final class BoundsHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let traffic: Traffic
    private let id: ObjectIdentifier
    private let bodySeconds: Int64
    /// Requests that have begun and whose answers have not.
    private var unanswered = 0
    /// True from a request's head to its end.
    private var isReading = false
    /// True after a body was given up: nothing more is read into it.
    private var hasFault = false
    private var closesAfterAnswer = false
    /// True once the connection's last answer is written.
    private var isLingering = false
    /// True while a body waits for room.
    private var isWaiting = false
    private var bodyDeadline: Scheduled<Void>?
    private var answerDeadline: Scheduled<Void>?

    init(_ traffic: Traffic, _ id: ObjectIdentifier, bodySeconds: Int) {
        self.traffic = traffic
        self.id = id
        self.bodySeconds = Int64(bodySeconds)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        bodyDeadline?.cancel()
        answerDeadline?.cancel()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLingering, !hasFault else { return }
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            unanswered += 1
            isReading = true
            traffic.begin(id, key: Self.mark(head.headers))
        case .body(let buffer):
            // What comes after the answer is thrown away.
            if unanswered > 0 { traffic.take(buffer.readableBytes, id) }
        case .end:
            isReading = false
            bodyDeadline?.cancel()
            bodyDeadline = nil
            if unanswered > 0 { traffic.complete(id) } else { traffic.rest(id) }
        }
        if !hasFault { context.fireChannelRead(data) }
    }

    /// A body waits while all of them hold more than they may, and what was told to go is not gone yet.
    func read(context: ChannelHandlerContext) {
        guard isReading, !hasFault, traffic.isFull else { return context.read() }
        guard !isWaiting else { return }
        isWaiting = true
        context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(Limits.fullMilliseconds))) {
            self.isWaiting = false
            self.read(context: context)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if isReading, bodyDeadline == nil, !hasFault {
            bodyDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(bodySeconds)) {
                self.giveUp(.tooSlow, context)
            }
        }
        context.fireChannelReadComplete()
        // Nobody else asks for more by now.
        if isLingering { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let fault = event as? BodyFault { return giveUp(fault, context) }
        if isLingering, case ChannelEvent.inputClosed? = event as? ChannelEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    private func giveUp(_ fault: BodyFault, _ context: ChannelHandlerContext) {
        guard isReading, !hasFault, !isLingering else { return }
        hasFault = true
        bodyDeadline?.cancel()
        guard unanswered > 0 else { return context.close(promise: nil) }
        context.fireErrorCaught(fault)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch Self.unwrapOutboundIn(data) {
        case .head(let head) where head.status.code >= 200:
            unanswered -= 1
            let says = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
            closesAfterAnswer = closesAfterAnswer || says || hasFault
            traffic.answer(id)
            awaitReader(context)
            context.write(data, promise: promise)
        case .body:
            // The next piece of a long answer comes when the client has taken the one before.
            awaitReader(context)
            context.write(data, promise: promise)
        case .end:
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.assumeIsolated().whenComplete { _ in
                self.answerDeadline?.cancel()
                if self.closesAfterAnswer { self.linger(context) }
            }
            if !isReading, unanswered == 0 { traffic.rest(id) }
            if closesAfterAnswer {
                context.writeAndFlush(data, promise: written)
            } else {
                context.write(data, promise: written)
            }
        default: context.write(data, promise: promise)
        }
    }

    private func awaitReader(_ context: ChannelHandlerContext) {
        answerDeadline?.cancel()
        let most = TimeAmount.seconds(Int64(Limits.answerSeconds))
        answerDeadline = context.eventLoop.assumeIsolated().scheduleTask(in: most) { context.close(promise: nil) }
    }

    /// Says that nothing more comes, and reads on for a while: closing at once would reset the connection while the
    /// client still sends, and take the answer from it.
    private func linger(_ context: ChannelHandlerContext) {
        guard !isLingering, context.channel.isActive else { return }
        isLingering = true
        context.close(mode: .output, promise: nil)
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(Int64(Limits.lingerSeconds))) {
            context.close(promise: nil)
        }
        context.read()
    }

    /// A mark of the key that a request shows: nothing that could be read back.
    private static func mark(_ headers: HTTPHeaders) -> Int? {
        guard let key = headers.first(name: "x-api-key") ?? headers.first(name: "authorization"), !key.isEmpty else {
            return nil
        }
        return key.hashValue
    }
}

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
