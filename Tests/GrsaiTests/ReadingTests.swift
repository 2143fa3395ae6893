import BatchEngine
import Domain
import Formats
import Testing

@testable import Grsai

/// How answers are read, without a line.
@Suite struct ReadingTests {
    private static func submission(_ status: Int, _ body: String, retryAfter: String? = nil) -> SubmissionAnswer {
        SubmissionReading(remark: Remark(hiding: ["sk-secret-key", "a red kite over the sea"])).answer(
            ReceivedAnswer(status: status, retryAfter: retryAfter, body: Array(body.utf8)))
    }

    @Test(arguments: [
        #"{"code":0,"msg":"success","data":{"id":"a-1"}}"#, #"{"id":"a-1"}"#, #"{"id":"a-1","status":"running"}"#,
        #"{"code":0,"id":"a-1","data":null}"#, #"{"code":0,"data":{"id":"a-1","extra":[1.5,{"x":null}]}}"#,
    ])
    func `code 0 with an id, or an id alone, is accepted`(body: String) {
        #expect(Self.submission(200, body) == .accepted(providerTaskID: "a-1"))
    }

    @Test(arguments: [
        #"{"code":0,"msg":"success","data":null}"#, #"{"code":0,"data":{"id":""}}"#, #"{"code":0,"data":{"id":7}}"#,
        #"{"code":-1,"data":{"id":"a-1"}}"#, #"{"code":"0","data":{"id":"a-1"}}"#, "", "<html>", "[]", "null", "{}",
        #"{"msg":"success"}"#, #"{"code":null}"#, #"{"code":"x"}"#, #"{"code":0,"data":{"id":"a 1"}}"#,
        #"{"code":0,"data":{"id":"a-1"#,
    ])
    func `an HTTP 200 that proves nothing is unknown`(body: String) {
        #expect(Self.submission(200, body).isUnknown, "\(Self.submission(200, body))")
    }

    @Test(arguments: [100, 204, 301, 302, 307, 500, 502, 503, 504, 599])
    func `no other HTTP code proves anything`(status: Int) {
        #expect(Self.submission(status, "").isUnknown)
    }

    @Test func `each HTTP 4xx is a refusal of its own kind`() {
        let kinds: [(Int, SubmissionAnswer.Refusal.Kind)] = [
            (400, .task), (422, .task), (413, .task), (401, .account), (402, .account), (403, .account),
            (404, .account), (405, .account), (408, .temporary), (409, .temporary), (425, .temporary),
            (429, .temporary), (418, .temporary),
        ]
        for (status, kind) in kinds { #expect(Self.submission(status, "").refusal?.kind == kind, "\(status)") }
        #expect(Self.submission(400, #"{"code":-1,"msg":"Insufficient credits"}"#).refusal?.kind == .account)
    }

    @Test func `Retry-After is kept within bounds`() {
        for (header, seconds) in [
            ("5", 5), ("0", 1), ("900", 900), ("901", 900), ("99999999999999999999", 900), ("-5", nil), ("5.5", nil),
            ("Tue, 24 Nov 2026 22:00:00 GMT", nil), ("", nil), (nil, nil),
        ] as [(String?, Int64?)] {
            let refusal = Self.submission(429, "", retryAfter: header).refusal
            #expect(refusal?.retryAfterSeconds == seconds, "\(header ?? "none")")
        }
    }

    @Test func `a code that is not 0 refuses the task, the account or the moment`() {
        for (message, kind) in [
            ("Invalid input parameters", .task), ("prompt violates our policy", .task),
            ("Insufficient credits", .account), ("Your BALANCE is too low", .account), ("apikey error", .account),
            ("余额不足", .account), ("Too many requests", .temporary), ("rate limit reached", .temporary),
        ] as [(String, SubmissionAnswer.Refusal.Kind)] {
            #expect(Self.submission(200, "{\"code\":-1,\"msg\":\"\(message)\"}").refusal?.kind == kind, "\(message)")
        }
        #expect(Self.submission(200, #"{"code":-1}"#).refusal?.kind == .task)
        #expect(Self.submission(200, #"{"code":22.5,"data":null}"#).refusal?.kind == .task)
    }

    @Test func `no remark repeats the key, the prompt or an address`() {
        let message = #"bad key sk-secret-key for a red kite over the sea, see https://u:p@x.example/a\u0007\nnow"#
        let remark = Self.submission(200, "{\"code\":-1,\"msg\":\"\(message)\"}").refusal?.remark ?? ""
        #expect(remark.contains("bad key"))
        for secret in ["sk-secret", "red kite", "x.example", "\n", "\u{7}"] { #expect(!remark.contains(secret)) }
        let long = Self.submission(200, "{\"code\":-1,\"msg\":\"\(String(repeating: "x", count: 100_000))\"}")
        #expect((long.refusal?.remark.count ?? 0) < 600)
    }

    @Test func `a deep nest of JSON is refused, not followed`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(Self.submission(200, deep).isUnknown)
        #expect(Self.submission(200, deep + String(repeating: "]", count: 100_000)).isUnknown)
    }

    private static func poll(_ status: Int, _ body: String) -> ProviderStatus {
        StatusReading(remark: Remark(hiding: [])).status(
            of: "a-1", ReceivedAnswer(status: status, retryAfter: nil, body: Array(body.utf8)))
    }

    private static func data(_ object: String) -> ProviderStatus { poll(200, "{\"code\":0,\"data\":\(object)}") }

    @Test func `a poll is read as what it says`() {
        let video = "https://v.example/a.mp4"
        #expect(Self.poll(200, #"{"code":-22,"msg":"not found"}"#) == .notFound)
        #expect(Self.data(#"{"id":"a-1","status":"running","progress":45}"#) == .running(progress: 45))
        #expect(Self.data(#"{"id":"a-1","status":"running","progress":45.9}"#) == .running(progress: 45))
        #expect(Self.data(#"{"status":"running","progress":400}"#) == .running(progress: 100))
        #expect(Self.data(#"{"status":"running"}"#) == .running(progress: 0))
        #expect(Self.data(#"{"status":"awaiting_capacity","progress":3}"#) == .running(progress: 3))
        #expect(
            Self.data("{\"status\":\"succeeded\",\"results\":[{\"url\":\"\(video)\",\"pid\":\"s_1\"}]}")
                == .succeeded(videoURL: video, pid: "s_1"))
        #expect(
            Self.data("{\"status\":\"succeeded\",\"url\":\"\(video)\"}") == .succeeded(videoURL: video, pid: nil))
        #expect(
            Self.poll(200, "{\"id\":\"a-1\",\"status\":\"succeeded\",\"url\":\"\(video)\"}")
                == .succeeded(videoURL: video, pid: nil))
    }

    @Test func `failures carry the provider's reason`() {
        for (word, reason) in [
            ("input_moderation", .inputModeration), ("output_moderation", .outputModeration), ("error", .error),
        ] as [(String, ProviderStatus.Failure.Reason)] {
            let failure = Self.data("{\"status\":\"failed\",\"failure_reason\":\"\(word)\",\"error\":\"why\"}")
                .failure
            #expect(failure == .init(reason: reason, message: "why"))
        }
        #expect(Self.data(#"{"status":"failed","failure_reason":""}"#).failure?.reason == .error)
        #expect(Self.data(#"{"status":"failed","failure_reason":"aliens"}"#).failure?.reason == .error)
        #expect(Self.data(#"{"status":"violation"}"#).failure?.reason == .outputModeration)
    }

    @Test(arguments: [
        #"{"status":"succeeded"}"#, #"{"status":"succeeded","results":[]}"#, #"{"status":"succeeded","url":""}"#,
        #"{"status":"succeeded","results":null,"url":"file:///etc/passwd"}"#, #"{"status":"succeeded","url":"x"}"#,
    ])
    func `a success without a video is a failure`(object: String) {
        #expect(Self.data(object).failure?.reason == .error)
    }

    @Test func `what cannot be read is asked for again`() {
        for body in ["", "null", "<html>", #"{"code":0,"data":null}"#, #"{"code":0,"data":{}}"#, #"{"code":-5}"#, "{}"]
        {
            #expect(Self.poll(200, body).isUnreadable, "\(body)")
        }
        for status in [401, 404, 429, 500, 302] { #expect(Self.poll(status, "").isUnreadable) }
        #expect(Self.data(#"{"id":"b-2","status":"running"}"#).isUnreadable)
    }

    @Test func `a callback is a task's object, bare or wrapped`() {
        func read(_ text: String) -> GrsaiCallback? { GrsaiCallback(body: Array(text.utf8)) }
        let bare = read(#"{"id":"a-1","status":"running","progress":10}"#)
        #expect(bare?.providerTaskID == "a-1" && bare?.claim == .running(progress: 10))
        #expect(read(#"{"code":0,"data":{"id":"a-1","status":"running","progress":10}}"#) == bare)
        for text in ["", "[]", "{}", #"{"status":"running"}"#, #"{"id":7}"#] { #expect(read(text) == nil, "\(text)") }
    }

    @Test func `settings refuse a bad address and never show the key`() throws {
        for address in ["", "grsaiapi.com", "ftp://x.example", "https://u:p@x.example", "https://x.example?a=b"] {
            #expect(throws: DaybookError.self, "\(address)") { try GrsaiSettings(baseURL: address, key: "sk-1") }
        }
        for key in ["", "a b", "a\nb", "é"] {
            #expect(throws: DaybookError.self) { try GrsaiSettings(baseURL: "https://x.example", key: key) }
        }
        let settings = try GrsaiSettings(baseURL: "https://x.example//", key: "sk-secret")
        #expect(settings.baseURL == "https://x.example")
        var dumped = ""
        dump(settings, to: &dumped)
        for text in [dumped, "\(settings)", String(reflecting: settings)] { #expect(!text.contains("sk-secret")) }
    }
}
