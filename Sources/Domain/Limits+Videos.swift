/// The bounds of the store of videos, and of what is copied into it.
extension Limits {
    /// Videos that a worker copies into the store at once: what a disk takes without waiting for it.
    public static let copiesUnderWay = 8
    /// Bytes of one video: 15 seconds of the best quality have a tenth of it.
    public static let videoBytes: Int64 = 512 << 20
    /// Bytes of all videos that a worker copies at once, by what their heads announce.
    public static let copyBytesUnderWay: Int64 = 1 << 30
    /// Videos that came in part, or that the store did not take, and that a worker keeps for their next tries, and the
    /// bytes of all of them.
    public static let keptParts = 16
    public static let keptPartsBytes: Int64 = 256 << 20
    /// Engine seconds after a video was found in which it is copied: its address lives about two hours.
    public static let copySeconds: Int64 = 6_600
    /// Tries that find no video at an address, after which there is none: others are repeated to the end.
    public static let copyTries: Int64 = 5
    /// Seconds of one try, and of one in which no byte comes.
    public static let copyTrySeconds: Int64 = 600
    public static let copySilenceSeconds: Int64 = 30
    /// Addresses that one video's leads to, one after the other.
    public static let videoRedirects = 3
    /// Seconds for which a worker copies nothing after its store took nothing.
    public static let storePauseSeconds: Int64 = 10
    /// Seconds without such a failure after which the next one is news.
    public static let storeQuietSeconds: Int64 = 60
    /// Tries of one request to a bucket, milliseconds after which the next one follows (twice as many each time), and
    /// seconds in which its answer begins or a byte goes or comes.
    public static let bucketTries = 3
    public static let bucketPauseMilliseconds: Int64 = 500
    public static let bucketSilenceSeconds: Int64 = 30
    /// Seconds after which a video's next piece is not waited for: its reader has had its time before.
    public static let bucketReadSeconds: Int64 = 150
    /// Connections to a bucket, from which as many readers are served.
    public static let bucketConnections = 512
    /// Bytes of an answer of a bucket's that is no video.
    public static let bucketAnswerBytes = 1 << 20
    /// Lists of a thousand names that are removed, one after the other, of one task.
    public static let bucketLists = 10
    /// Bytes of a video that are read from the store at a time.
    public static let videoPieceBytes = 65_536
}
