import BatchEngine
import Codecs
public import Domain
import Formats
public import Postgres

/// How videos leave a bucket for good.
extension BucketStore: VideoRemoval {
    /// The store that a connection's database has; none is made.
    ///
    /// Throws `configuration` where the database has none, where the bucket is not it, or keeps versions: what is
    /// deleted from such a bucket is still there. Throws `tryAgain` where the bucket does not answer.
    public static func existing(_ settings: BucketSettings, of connection: Connection) async throws -> BucketStore {
        guard try await connection.run({ try StoreMark.known(to: $0) }) != nil else {
            throw DaybookError.configuration(
                "This database has no store of videos, so \(settings.name) is none of its; leave the bucket out.")
        }
        let store = try await open(settings, of: connection)
        do {
            try await store.requireNoVersions()
            return store
        } catch {
            try? await store.shutdown()
            throw error
        }
    }

    public func remove(_ taskID: String, digest: [UInt8]) async throws -> Bool {
        do {
            // Before and after: in another bucket every video is missing.
            try await requireMark()
            let wasThere = try await has(digest, of: taskID)
            try await remove(taskID)
            try await requireMark()
            return wasThere
        } catch let fault as VideoFault {
            throw DaybookError(.tryAgain, fault.sentence + " Run it again when it does what it is told.")
        }
    }

    public func disconnect() async {
        // A call that still goes is cut off, and what it was for is not on record as done.
        try? await shutdown()
    }
}
