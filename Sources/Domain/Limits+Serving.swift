/// The bounds of the server that faces everybody. What an operator may want otherwise is an option of `daybookd serve`.
extension Limits {
    /// Connections of clients at once: each costs a descriptor and some 30 KiB. Beyond it those that do nothing go.
    public static let serverConnections = 1_000
    /// What an operator may choose for it.
    public static let serverConnectionsRange = 16...100_000
    /// Descriptors that the server keeps for itself: the database, the log, the provider.
    public static let serverFiles = 256
    /// Seconds from the head of a request to the end of its body: the largest comes through at 2.5 Mbit/s, and who
    /// dribbles does not stay.
    public static let bodySeconds = 120
    /// What an operator may choose for it.
    public static let bodySecondsRange = 1...3_600
    /// Seconds that a client may take to read an answer; the largest has less than a megabyte.
    public static let answerSeconds = 120
    /// Seconds for which a connection that is to be closed is still read, so that the answer before arrives.
    public static let lingerSeconds = 2
    /// Seconds after which a connection on which nothing happens is closed: longer than proxies keep theirs idle.
    public static let idleSeconds = 60
    /// Bytes of all bodies that have not been answered: one of the largest, and some of the usual ones beside it. With
    /// 200 connections the server then takes less than 64 MB more than without.
    public static let bodiesBytes = 34_603_008
    /// Milliseconds after which a body that waits for room asks again.
    public static let fullMilliseconds = 10
    /// Bytes that are read from a connection at once.
    public static let receiveBufferBytes = 8_192
    /// Bytes of all bodies of one key that have not been answered: one of the largest.
    public static let bodiesBytesOfKey = requestBodyBytes
    /// Megabytes (1,048,576 bytes) that an operator may choose for either.
    public static let bodiesMegabytesRange = 1...65_536
    /// Bytes of one piece of a body: small ones for who sends little, and alike, so that memory is used again.
    public static let bodyPieceBytes = 4_096
    /// Bytes of a callback's body; real ones have a few hundred.
    public static let callbackBytes = 65_536
    /// Calls a minute and address that show no key, and are not answered from memory anyway: for people who try, and
    /// a log that stays readable.
    public static let keylessPerMinute: Int64 = 300
    /// What an operator may choose for it: one a millisecond is no bound any more.
    public static let keylessPerMinuteRange = 1...60_000
    /// Wrong keys of an address that cost nothing: people mistype.
    public static let freeWrongKeys: Int64 = 5
    /// Milliseconds that the first wrong key beyond those costs the next; it doubles with each.
    public static let wrongKeyMilliseconds: Int64 = 100
    /// Milliseconds that a key which nobody has shown yet waits at most: its owner, behind the same address as who
    /// guesses, is let in all the same.
    public static let wrongKeyMostMilliseconds: Int64 = 2_000
    /// Seconds after which an address has half of its wrong keys.
    public static let wrongKeyHalfLifeSeconds: Int64 = 60
    /// Addresses, or keys, of which the server remembers anything: some 100 bytes each.
    public static let rememberedCallers = 20_000
    /// Milliseconds for which `/readyz` says what it said before: a balancer asks once a second or less.
    public static let readinessMilliseconds: Int64 = 1_000
    /// Callbacks that are remembered, so that a repeated one costs nothing; some 300 bytes each.
    public static let rememberedCallbacks = 8_192
    /// Callbacks that wait to be looked up together, by one connection; more are turned away.
    public static let callbacksWaiting = 4_096
    /// Callbacks of one look.
    public static let callbacksTogether = 500
}
