import Domain
public import Formats
import Foundation

/// Turns the body of a request into a ``BatchRequest``, or says everything that is wrong with it.
///
/// Members that the contract does not know are passed over, since clients send them already, and named: one of them
/// may be a mistyped one of those that it knows. These must be of the right kind; nothing is guessed, converted or cut.
struct RequestReader {
    private static let members: Set = ["request_id", "items", "webhook_url"]
    private static let itemMembers: Set = ["prompt", "model", "aspect_ratio", "duration", "metadata", "custom_id"]

    private let rules: RequestRules
    private var problems: [InvalidRequest.Problem] = []
    private var moreCount = 0
    private var unknownMembers: [InvalidRequest.Problem] = []
    /// The place of each name that the customer gave to an item.
    private var customIDs: [[UInt8]: String] = [:]

    init(_ rules: RequestRules) {
        self.rules = rules
    }

    mutating func read(_ body: JSON, requestID alternative: RequestID?) throws(InvalidRequest) -> BatchRequest {
        guard case .object = body else { throw InvalidRequest("", "must be a JSON object, not \(body.kindName)") }
        noteUnknown(body, "", Self.members)
        let requestID = requestID(body, alternative)
        let items = items(body)
        let webhookURL = webhookURL(body)
        guard problems.isEmpty else { throw InvalidRequest(problems, moreCount: moreCount) }
        return BatchRequest(
            requestID: requestID, items: items, webhookURL: webhookURL, unknownMembers: unknownMembers)
    }

    private mutating func noteUnknown(_ object: JSON, _ place: String, _ known: Set<String>) {
        guard case .object(let members) = object else { return }
        for member in members where !known.contains(member.name) && unknownMembers.count < Limits.problemsShown {
            unknownMembers.append(InvalidRequest.Problem(unknownMember: member.name, of: place))
        }
    }

    private mutating func refuse(_ place: String, _ reason: String) {
        if problems.count < Limits.problemsShown {
            problems.append(InvalidRequest.Problem(place, reason))
        } else {
            moreCount += 1
        }
    }

    /// A member that may be left out or be null; a value of another kind is a problem.
    private mutating func string(_ value: JSON?, _ place: String) -> String? {
        switch value {
        case nil, .null: return nil
        case .string(let text): return text
        case let other?:
            refuse(place, "must be a string, not \(other.kindName)")
            return nil
        }
    }

    /// The same, and an empty one is none: clients fill in what they do not have.
    private mutating func filledString(_ value: JSON?, _ place: String) -> String? {
        let text = string(value, place)
        return text?.isEmpty == true ? nil : text
    }

    private mutating func requestID(_ body: JSON, _ alternative: RequestID?) -> String? {
        let inBody = filledString(body["request_id"], "request_id").map { RequestID(text: $0, place: "request_id") }
        guard let requestID = inBody ?? alternative else { return nil }
        if let defect = requestID.defect { refuse(requestID.place, defect) }
        return requestID.text
    }

    private mutating func items(_ body: JSON) -> [BatchItem] {
        guard let value = body["items"] else {
            refuse("items", "is missing")
            return []
        }
        guard case .array(let elements) = value else {
            refuse("items", "must be an array, not \(value.kindName)")
            return []
        }
        guard (1...rules.maxItems).contains(elements.count) else {
            let reason = rules.isPilot ? ", which is what a pilot key may ask for" : ""
            refuse("items", "must have 1 to \(rules.maxItems) elements\(reason), not \(elements.count)")
            return []
        }
        return elements.enumerated().compactMap { item($1, "items[\($0)]") }
    }

    private mutating func item(_ value: JSON, _ place: String) -> BatchItem? {
        guard case .object = value else {
            refuse(place, "must be an object, not \(value.kindName)")
            return nil
        }
        noteUnknown(value, place, Self.itemMembers)
        let prompt = prompt(value["prompt"], place + ".prompt")
        let model = choice(value["model"], place + ".model", VideoModel.allCases, BatchItem.standardModel)
        let aspectRatio = choice(
            value["aspect_ratio"], place + ".aspect_ratio", AspectRatio.allCases, BatchItem.standardAspectRatio)
        let duration = duration(value["duration"], place + ".duration")
        let metadata = metadata(value["metadata"], place + ".metadata")
        let customID = customID(value["custom_id"], place)
        guard let prompt, let model, let aspectRatio, let duration else { return nil }
        return BatchItem(
            model: model, prompt: prompt, aspectRatio: aspectRatio, durationSeconds: duration, metadata: metadata,
            customID: customID)
    }

    private mutating func prompt(_ value: JSON?, _ place: String) -> String? {
        guard let value else {
            refuse(place, "is missing")
            return nil
        }
        guard case .string(let text) = value else {
            refuse(place, "must be a string, not \(value.kindName)")
            return nil
        }
        guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }) else {
            refuse(place, "is empty")
            return nil
        }
        // No text has fewer bytes than characters, and counting those is quicker.
        if text.utf8.count > rules.maxPromptLength {
            let length = text.unicodeScalars.count
            guard length <= rules.maxPromptLength else {
                refuse(place, "has \(length) characters, and may have \(rules.maxPromptLength)")
                return nil
            }
        }
        return text
    }

    private mutating func choice<Choice: RawRepresentable>(
        _ value: JSON?, _ place: String, _ choices: [Choice], _ standard: Choice
    ) -> Choice? where Choice.RawValue == String {
        let known = problems.count + moreCount
        guard let text = string(value, place) else { return problems.count + moreCount == known ? standard : nil }
        if let choice = Choice(rawValue: text) { return choice }
        refuse(place, "must be one of \(choices.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    private mutating func duration(_ value: JSON?, _ place: String) -> Int64? {
        switch value {
        case nil, .null: return BatchItem.standardDurationSeconds
        case .number(let text):
            if let seconds = Int64(text), BatchItem.durationsSeconds.contains(seconds) { return seconds }
            refuse(place, "must be 5, 10 or 15")
        case let other?: refuse(place, "must be 5, 10 or 15, not \(other.kindName)")
        }
        return nil
    }

    private mutating func metadata(_ value: JSON?, _ place: String) -> JSON? {
        switch value {
        case nil, .null: return nil
        case .object:
            guard let value, value.bytes().count <= Limits.metadataBytes else {
                refuse(place, "is larger than \(Limits.metadataBytes) bytes")
                return nil
            }
            return value
        case let other?:
            refuse(place, "must be an object, not \(other.kindName)")
            return nil
        }
    }

    private mutating func customID(_ value: JSON?, _ item: String) -> String? {
        let place = item + ".custom_id"
        guard let text = filledString(value, place) else { return nil }
        if let defect = RequestID.defect(of: text, atMost: Limits.customIDLength) {
            refuse(place, defect)
        } else if let first = customIDs[Array(text.utf8)] {
            refuse(place, "is that of \(first) already")
        }
        customIDs[Array(text.utf8)] = customIDs[Array(text.utf8)] ?? item
        return text
    }

    private mutating func webhookURL(_ body: JSON) -> String? {
        guard let text = filledString(body["webhook_url"], "webhook_url") else { return nil }
        if let reason = rules.reason(againstWebhook: text) {
            refuse("webhook_url", reason)
            return nil
        }
        return text
    }
}

extension BatchRequest {
    /// Reads a body; `requestID` is the one of a header, which counts where the body has none.
    public init(_ body: JSON, requestID: RequestID? = nil, rules: RequestRules) throws(InvalidRequest) {
        var reader = RequestReader(rules)
        self = try reader.read(body, requestID: requestID)
    }
}
