import API
import ArgumentParser
import Domain

/// What callers may take of the server at once.
struct BoundsOptions: ParsableArguments {
    private static let megabyte = 1_048_576

    @Option(help: "Connections of clients at once; beyond it those that do nothing are closed.")
    var maxConnections = Limits.serverConnections
    @Option(help: "Seconds from the head of a request to the end of its body.") var bodySeconds = Limits.bodySeconds
    @Option(help: "Megabytes of all bodies under way; beyond it the slowest are given up.")
    var bodyMegabytes = Limits.bodiesBytes / megabyte
    @Option(help: "Megabytes of the bodies of one key under way.")
    var keyBodyMegabytes = Limits.bodiesBytesOfKey / megabyte
    @Option(help: "Calls a minute and address without a key.") var keylessPerMinute = Limits.keylessPerMinute

    func validate() throws {
        try Self.check(maxConnections, Limits.serverConnectionsRange, "--max-connections")
        try Self.check(bodySeconds, Limits.bodySecondsRange, "--body-seconds")
        try Self.check(bodyMegabytes, Limits.bodiesMegabytesRange, "--body-megabytes")
        try Self.check(keyBodyMegabytes, Limits.bodiesMegabytesRange, "--key-body-megabytes")
        try Self.check(Int(clamping: keylessPerMinute), Limits.keylessPerMinuteRange, "--keyless-per-minute")
    }

    private static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) lies between \(range.lowerBound) and \(range.upperBound).")
        }
    }

    var bounds: ServerBounds {
        ServerBounds(
            connections: maxConnections, bodySeconds: bodySeconds, bodiesBytes: bodyMegabytes * Self.megabyte,
            bodiesBytesOfKey: keyBodyMegabytes * Self.megabyte, keylessPerMinute: keylessPerMinute)
    }
}
