import API
import ArgumentParser
import Domain

/// What callers may take of the server at once.
struct BoundsOptions: ParsableArguments {
    private static let megabyte = 1_048_576

    @Option(
        parsing: .unconditional,
        help:
            "Connections of clients at once; beyond it those that do nothing go. Default: \(Limits.serverConnections).",
        transform: WholeNumber.within(Limits.serverConnectionsRange))
    var maxConnections = Limits.serverConnections
    @Option(
        parsing: .unconditional,
        help: "Seconds from the head of a request to the end of its body. Default: \(Limits.bodySeconds).",
        transform: WholeNumber.within(Limits.bodySecondsRange))
    var bodySeconds = Limits.bodySeconds
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Megabytes of all bodies under way; beyond it the slowest are given up. Default: "
                + "\(Limits.bodiesBytes / megabyte)."),
        transform: WholeNumber.within(Limits.bodiesMegabytesRange))
    var bodyMegabytes = Limits.bodiesBytes / megabyte
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Megabytes of the bodies of one key under way. Default: \(Limits.bodiesBytesOfKey / megabyte)."),
        transform: WholeNumber.within(Limits.bodiesMegabytesRange))
    var keyBodyMegabytes = Limits.bodiesBytesOfKey / megabyte
    @Option(
        parsing: .unconditional,
        help: "Calls a minute and address without a key. Default: \(Limits.keylessPerMinute).",
        transform: WholeNumber.within(Limits.keylessPerMinuteRange))
    var keylessPerMinute = Int(Limits.keylessPerMinute)

    var bounds: ServerBounds {
        ServerBounds(
            connections: maxConnections, bodySeconds: bodySeconds, bodiesBytes: bodyMegabytes * Self.megabyte,
            bodiesBytesOfKey: keyBodyMegabytes * Self.megabyte, keylessPerMinute: Int64(keylessPerMinute))
    }
}
