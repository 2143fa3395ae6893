import BatchEngine
import Domain
import Formats
import Testing

@Suite struct RequestTests {
    private func read(
        _ text: String, header: RequestID? = nil, rules: RequestRules = RequestRules()
    ) throws
        -> BatchRequest
    {
        try BatchRequest(try JSON(parsing: Array(text.utf8)), requestID: header, rules: rules)
    }

    private func sentence(_ text: String, rules: RequestRules = RequestRules()) -> String {
        do {
            _ = try read(text, rules: rules)
            return "taken"
        } catch let error as InvalidRequest {
            return error.sentence
        } catch {
            return "\(error)"
        }
    }

    @Test func `what is left out is the contract's default`() throws {
        let request = try read(#"{"items": [{"prompt": "a cat"}, {"prompt": "b", "model": null, "duration": 5}]}"#)
        #expect(request.items[0] == BatchItem(prompt: "a cat"))
        #expect(request.items[0].model == .sora2 && request.items[0].aspectRatio == .landscape)
        #expect(request.items[0].durationSeconds == 10 && request.items[1].durationSeconds == 5)
        #expect(request.requestID == nil && request.webhookURL == nil)
    }

    @Test func `a request_id in the body counts before one in a header`() throws {
        let header = RequestID(text: "header", place: "Idempotency-Key")
        let items = #""items": [{"prompt": "a"}]"#
        #expect(try read("{\"request_id\": \"body\", \(items)}", header: header).requestID == "body")
        #expect(try read("{\"request_id\": null, \(items)}", header: header).requestID == "header")
        #expect(try read("{\(items)}", header: header).requestID == "header")
        let long = RequestID(text: String(repeating: "x", count: 129), place: "Idempotency-Key")
        let error = #expect(throws: InvalidRequest.self) { try read("{\(items)}", header: long) }
        #expect(error?.sentence == "Idempotency-Key must have 1 to 128 characters, not 129.")
    }

    @Test(arguments: [
        ("[]", "The request must be a JSON object, not an array."),
        ("{}", "items is missing."),
        (#"{"items": {}}"#, "items must be an array, not an object."),
        (#"{"items": []}"#, "items must have 1 to 10000 elements, not 0."),
        (#"{"items": ["a"]}"#, "items[0] must be an object, not a string."),
        (#"{"items": [{"prompt": "a"}, {}]}"#, "items[1].prompt is missing."),
        (#"{"items": [{"prompt": 7}]}"#, "items[0].prompt must be a string, not a number."),
        (#"{"items": [{"prompt": " \n\t"}]}"#, "items[0].prompt is empty."),
        (
            #"{"items": [{"prompt": "a", "model": "sora-3"}]}"#,
            "items[0].model must be one of sora-2, veo-flash, veo-pro."
        ),
        (#"{"items": [{"prompt": "a", "model": true}]}"#, "items[0].model must be a string, not a boolean."),
        (#"{"items": [{"prompt": "a", "aspect_ratio": "1:1"}]}"#, "items[0].aspect_ratio must be one of 16:9, 9:16."),
        (#"{"items": [{"prompt": "a", "duration": 7}]}"#, "items[0].duration must be 5, 10 or 15."),
        (#"{"items": [{"prompt": "a", "duration": 10.0}]}"#, "items[0].duration must be 5, 10 or 15."),
        (#"{"items": [{"prompt": "a", "duration": "10"}]}"#, "items[0].duration must be 5, 10 or 15, not a string."),
        (#"{"items": [{"prompt": "a", "metadata": []}]}"#, "items[0].metadata must be an object, not an array."),
        (#"{"request_id": "a\nb", "items": [{"prompt": "a"}]}"#, "request_id must not have control characters."),
        (#"{"request_id": 7, "items": [{"prompt": "a"}]}"#, "request_id must be a string, not a number."),
        (
            #"{"items": [{"prompt": ""}, {"model": "x"}]}"#,
            "items[0].prompt is empty. There are 2 more problems."
        ),
    ]) func `what is wrong is named with its place`(body: String, expected: String) {
        #expect(sentence(body) == expected)
    }

    @Test(arguments: [
        "http://example.com/hook", "ftp://example.com", "https://", "https://user:pw@example.com/", "//example.com",
        "https://example.com/#x", "https://exa mple.com/", "https://example.com/\u{e9}", "javascript:alert(1)", " ",
    ]) func `an address that no webhook may have is refused`(address: String) {
        let body = JSON.object([
            JSON.Member("items", .array([["prompt": "a"]])), JSON.Member("webhook_url", .string(address)),
        ])
        #expect(throws: InvalidRequest.self) { try BatchRequest(body, rules: RequestRules()) }
        if address.hasPrefix("http://") {
            #expect(throws: Never.self) { try BatchRequest(body, rules: RequestRules(allowsPlainWebhooks: true)) }
        }
    }

    @Test func `an empty request_id or webhook address is none, and a header counts instead`() throws {
        let body = #"{"request_id": "", "webhook_url": "", "items": [{"prompt": "a"}]}"#
        #expect(try read(body).requestID == nil && read(body).webhookURL == nil)
        #expect(try read(body, header: RequestID(text: "header", place: "x-request-id")).requestID == "header")
    }

    @Test func `members that nobody knows are noted by their place`() throws {
        let request = try read(#"{"item": 1, "items": [{"prompt": "a", "modle": "veo-pro", "x/y": {"prompt": 1}}]}"#)
        #expect(request.unknownMembers.map(\.place) == ["item", "items[0].modle", "items[0].x/y"])
        #expect(request.unknownMembers.map(\.pointer) == ["/item", "/items/0/modle", "/items/0/x~1y"])
        #expect(request.items[0].model == .sora2)
        let clean = try read(#"{"items": [{"prompt": "a", "metadata": {"anything": 1}}]}"#)
        let other = try read(#"{"items": [{"prompt": "a", "metadata": {"anything": 1}}], "z": 0}"#)
        #expect(clean.unknownMembers.isEmpty && clean.fingerprint == other.fingerprint)
    }

    @Test func `bounds hold to the last character and item`() {
        func body(_ prompt: String, _ count: Int = 1) -> String {
            let item = "{\"prompt\": \"\(prompt)\"}"
            return "{\"items\": [" + Array(repeating: item, count: count).joined(separator: ",") + "]}"
        }
        let long = String(repeating: "长", count: 2000)
        #expect(sentence(body(long)) == "taken")
        #expect(sentence(body(long + "长")) == "items[0].prompt has 2001 characters, and may have 2000.")
        #expect(sentence(body("a", 10_000)) == "taken")
        #expect(sentence(body("a", 10_001)) == "items must have 1 to 10000 elements, not 10001.")
        #expect(sentence(body("a", 51), rules: RequestRules(maxItems: 50)).hasPrefix("items must have 1 to 50"))
        let value = String(repeating: "x", count: 4096 - #"{"a":""}"#.utf8.count)
        #expect(sentence("{\"items\": [{\"prompt\": \"a\", \"metadata\": {\"a\": \"\(value)\"}}]}") == "taken")
        #expect(
            sentence("{\"items\": [{\"prompt\": \"a\", \"metadata\": {\"a\": \"\(value)x\"}}]}")
                == "items[0].metadata is larger than 4096 bytes.")
    }

    @Test func `the fingerprint is of what was asked for, not of how it was written`() throws {
        let first = try read(
            #"{"items": [{"prompt": "é", "metadata": {"b": [1, 2], "a": {"y": 1, "x": null}}}], "request_id": "r"}"#)
        let second = try read(
            #"{"request_id": "other", "items": [ {"metadata": {"a": {"x": null, "y": 1}, "b": [1,2]}, "#
                + #""duration": 10, "aspect_ratio": "16:9", "model": "sora-2", "prompt": "\u00e9", "unknown": 1} ]}"#)
        #expect(first.fingerprint == second.fingerprint)
        for other in [
            #"{"items": [{"prompt": "e", "metadata": {"b": [1, 2], "a": {"y": 1, "x": null}}}]}"#,
            #"{"items": [{"prompt": "é", "metadata": {"b": [2, 1], "a": {"y": 1, "x": null}}}]}"#,
            #"{"items": [{"prompt": "é", "metadata": {"b": [1, 2], "a": {"y": 1, "x": null}}, "duration": 5}]}"#,
            #"{"items": [{"prompt": "é"}]}"#,
        ] {
            #expect(try read(other).fingerprint != first.fingerprint)
        }
        let numbers = try ["1", "1.0", "1e0", "10e-1", "0.1E+1"].map {
            try read("{\"items\": [{\"prompt\": \"é\", \"metadata\": {\"n\": \($0)}}]}").fingerprint
        }
        #expect(Set(numbers).count == 1)
        let hooked = try read(
            #"{"webhook_url": "https://e.example/h", "items": [{"prompt": "é", "metadata": {"b": [1, 2], "a": {"y": 1, "x": null}}}]}"#
        )
        #expect(hooked.fingerprint != first.fingerprint)
    }
}
