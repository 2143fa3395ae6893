import BatchEngine
import Domain
import Postgres
import TestSupport
import Testing

/// Every access of a video is written by one function, with its owner and the policy of the moment.
@Suite struct AccessTests {
    private static let viewer = "99999999-2222-3333-4444-555555555555"

    @Test func `each kind of access is written with the owner and the policy of that moment`() async throws {
        try await withEngine { settings in
            let owner = try await TestCustomer.create(in: settings, purchased: 100)
            let connection = try await Connection.open(settings)
            try await connection.run { session in
                let request = BatchRequest(requestID: "r", items: [BatchItem(prompt: "a"), BatchItem(prompt: "b")])
                _ = try Batches(session, of: owner).create(request, by: nil, from: .test)
                let videos = try session.query("SELECT id FROM public.video_tasks ORDER BY batch_index").map {
                    try $0.uuid("id")
                }
                for (number, action) in ["generate", "play", "download", "embed", "share"].enumerated() {
                    try session.executeScript(
                        "UPDATE public.video_tasks SET external_access_policy = '{\"version\": \(number)}'")
                    let written = try session.query(
                        "SELECT daybook.record_access($1, $2, $3, $4, 'internal')::bigint AS n",
                        [.uuid(owner), .uuids([videos[0]]), .uuid(Self.viewer), .text(action)])[0].int("n")
                    #expect(written == 1)
                }
                let rows = try session.query(
                    """
                    SELECT action, owner_id, user_id, video_id, policy_snapshot ->> 'version' AS version
                    FROM public.video_external_access_log ORDER BY created_at
                    """)
                #expect(try rows.map { try $0.text("action") } == ["generate", "play", "download", "embed", "share"])
                #expect(try rows.map { try $0.text("version") } == ["0", "1", "2", "3", "4"])
                for row in rows {
                    #expect(try row.uuid("owner_id") == owner && row.uuid("user_id") == Self.viewer)
                    #expect(try row.uuid("video_id") == videos[0])
                }
                // Somebody else's video is not one's own to write about, and there is no other kind of access.
                let foreign = try session.query(
                    "SELECT daybook.record_access($1, $2, NULL, 'play', 'internal')::bigint AS n",
                    [.uuid(Self.viewer), .uuids(videos)])[0].int("n")
                #expect(foreign == 0)
                #expect(throws: PostgresError.self) {
                    _ = try session.query(
                        "SELECT daybook.record_access($1, $2, NULL, 'copy', 'internal')",
                        [.uuid(owner), .uuids(videos)])
                }
            }
            await connection.close()
        }
    }
}
