import Foundation
public import Postgres

/// A place that keeps the videos of a database: a folder, or a bucket.
///
/// Each has the same names in it, `ab/TASK/SHA256`, where `ab` is the beginning of the task's id, and the same
/// ``StoreMark``: the videos of one are moved to another by copying them, and no record changes. A name says what is
/// under it, so that copies of one task never replace each other.
public protocol VideoStore: Sendable {
    /// The number of the mark, which the database knows.
    var storeID: String { get }

    /// A file for a video of a task, outside of what is served. Throws ``VideoFault``.
    func begin(_ taskID: String) async throws -> VideoWriter

    /// Makes what was written a video of the store, which stays from then on. What failed may be called again, unless
    /// the writer is spoilt by it. Throws ``VideoFault`` and `CancellationError`.
    func keep(_ writer: VideoWriter, of taskID: String, _ contentType: String) async throws -> StoredVideo

    /// Opens bytes of a video, which it has; nil where the video is not there. Throws ``VideoFault`` where the store
    /// cannot be asked, or answers anything but these bytes.
    func open(
        _ video: StoredVideo, of taskID: String, from first: Int64, count: Int64
    ) async throws
        -> (any OpenVideo)?

    /// Removes what there is of a task, which may be nothing. True where there was something. Throws ``VideoFault``
    /// where anything is left.
    @discardableResult
    func remove(_ taskID: String) async throws -> Bool
}

/// Bytes of a video, as they were asked for, that are read once, by one task.
public protocol OpenVideo: Sendable {
    /// The next piece; nil at the end of what was asked for. Throws where they cannot all be had.
    func next() async throws -> [UInt8]?
}

/// What a store carries, under the name ``name``, so that a disk that is not there, or another's bucket, is never
/// taken for it.
public struct StoreMark: Sendable, Hashable {
    public static let name = "daybook-store"

    public let storeID: String
    /// The database whose store it was made to be.
    public let database: String

    /// The mark of a new store.
    public init(newFor database: String) {
        storeID = UUID().uuidString.lowercased()
        self.database = database
    }

    public init(storeID: String, database: String) {
        self.storeID = storeID
        self.database = database
    }

    /// How the session's database stands in a mark.
    public static func database(of session: Session) throws -> String { try DatabaseIdentity(of: session).description }

    /// Reads a mark; nil where the text is none.
    public init?(_ text: String) {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard words.count == 3, words[0] == "1", let storeID = UUID(uuidString: words[1])?.uuidString.lowercased()
        else { return nil }
        self.storeID = storeID
        database = words[2]
    }

    /// All that is under the name.
    public var text: String { "1 \(storeID) \(database)\n" }

    /// The number of the database's store; nil where it has none.
    public static func known(to session: Session) throws -> String? {
        try session.query("SELECT store_id FROM daybook.video_store").first?.uuid("store_id")
    }

    /// Makes it the mark of the session's database, where that has none, and gives the number that holds. Run it
    /// outside of a transaction.
    public func record(in session: Session) throws -> String {
        _ = try session.query(
            """
            INSERT INTO daybook.video_store (store_id, made_at) VALUES ($1, daybook.clock())
            ON CONFLICT (is_only) DO NOTHING RETURNING store_id
            """, [.uuid(storeID)])
        return try Self.known(to: session) ?? storeID
    }
}
