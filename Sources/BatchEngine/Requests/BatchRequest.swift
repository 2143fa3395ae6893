import Codecs
public import Domain
public import Formats

/// A batch as a customer asks for it, checked.
public struct BatchRequest: Sendable, Hashable {
    /// The customer's own name for the request: it never makes a second batch.
    public var requestID: String?
    public let items: [BatchItem]
    /// Where the customer wants to be told of the batch.
    public let webhookURL: String?
    /// Members that nobody knows, up to a bound: they were passed over.
    public let unknownMembers: [InvalidRequest.Problem]

    public init(
        requestID: String?, items: [BatchItem], webhookURL: String? = nil,
        unknownMembers: [InvalidRequest.Problem] = []
    ) {
        self.requestID = requestID
        self.items = items
        self.webhookURL = webhookURL
        self.unknownMembers = unknownMembers
    }

    /// SHA-256 over the canonical JSON of all that was asked for, defaults filled in: the same request written in
    /// another order of members, or with its numbers in another notation, has the same one.
    public var fingerprint: [UInt8] { SHA256Digest.bytes(identity.bytes(.canonical)) }

    /// The fingerprint that versions kept which did not know that `1.0` is `1`.
    var earlierFingerprint: [UInt8] { SHA256Digest.bytes(identity.bytes(.ordered)) }

    private var identity: JSON {
        ["items": .array(items.map(\.identity)), "webhook_url": .text(webhookURL)]
    }
}

/// One video that a batch asks for.
public struct BatchItem: Sendable, Hashable {
    /// What an item is if it does not say.
    public static let standardModel = VideoModel.sora2
    public static let standardAspectRatio = AspectRatio.landscape
    public static let standardDurationSeconds: Int64 = 10
    /// Seconds that can be asked for; a provider that renders none of 5 seconds is asked for 10.
    public static let durationsSeconds: [Int64] = [5, 10, 15]

    public let model: VideoModel
    public let prompt: String
    public let aspectRatio: AspectRatio
    public let durationSeconds: Int64
    /// An object of the customer's own, which comes back with the item.
    public let metadata: JSON?
    /// What the customer calls the item: no other of its batch is called so.
    public let customID: String?

    public init(
        model: VideoModel = standardModel, prompt: String, aspectRatio: AspectRatio = standardAspectRatio,
        durationSeconds: Int64 = standardDurationSeconds, metadata: JSON? = nil, customID: String? = nil
    ) {
        self.model = model
        self.prompt = prompt
        self.aspectRatio = aspectRatio
        self.durationSeconds = durationSeconds
        self.metadata = metadata
        self.customID = customID
    }

    /// What two items must have in common to be the same, defaults filled in. Without the customer's own name where
    /// there is none: fingerprints that were kept before there were such names stay what they are.
    var identity: JSON {
        let members = [
            JSON.Member("model", .string(model.rawValue)), JSON.Member("prompt", .string(prompt)),
            JSON.Member("aspect_ratio", .string(aspectRatio.rawValue)),
            JSON.Member("duration", .integer(durationSeconds)), JSON.Member("metadata", metadata ?? .null),
        ]
        return .object(members + (customID.map { [JSON.Member("custom_id", .string($0))] } ?? []))
    }
}

/// The shape of a video.
public enum AspectRatio: String, Sendable, Hashable, CaseIterable {
    case landscape = "16:9"
    case portrait = "9:16"
}

/// What a request may ask for: the contract's bounds, narrowed by a key and by the server's settings.
public struct RequestRules: Sendable, Hashable {
    /// Items of one batch.
    public var maxItems: Int
    /// Characters of a prompt.
    public var maxPromptLength: Int
    /// True takes webhooks over plain HTTP: for tests.
    public var allowsPlainWebhooks: Bool
    /// True for a key of a pilot, whose bound is said to be one.
    public var isPilot = false

    public init(
        maxItems: Int = Limits.batchItems, maxPromptLength: Int = Limits.promptLength, allowsPlainWebhooks: Bool = false
    ) {
        self.maxItems = maxItems
        self.maxPromptLength = maxPromptLength
        self.allowsPlainWebhooks = allowsPlainWebhooks
    }

    /// Why nothing is sent to an address, a clause that follows its name; nil for one that is taken.
    public func reason(againstWebhook text: String) -> String? {
        do {
            _ = try WebhookAddress(text, allowsPlain: allowsPlainWebhooks)
            return nil
        } catch {
            return error.reason
        }
    }
}

/// A request_id, and where it stood.
public struct RequestID: Sendable, Hashable {
    public let text: String
    /// `request_id`, or the name of a header.
    public let place: String

    public init(text: String, place: String) {
        self.text = text
        self.place = place
    }

    /// What is wrong with it, as a clause; nil if nothing is.
    var defect: String? { Self.defect(of: text, atMost: Limits.requestIDLength) }

    /// The same of any name that a customer gives.
    static func defect(of text: String, atMost most: Int) -> String? {
        let length = text.unicodeScalars.count
        guard (1...most).contains(length) else { return "must have 1 to \(most) characters, not \(length)" }
        let hasControls = text.unicodeScalars.contains { $0.properties.generalCategory == .control }
        return hasControls ? "must not have control characters" : nil
    }
}

/// Why a request is not taken: every place that is wrong, up to a bound.
public struct InvalidRequest: Error, Sendable, Hashable {
    /// One place that is wrong.
    public struct Problem: Sendable, Hashable {
        /// Where, as programmers write it: `items[3].prompt`; empty for the whole document.
        public let place: String
        /// What is wrong with it, a clause that follows the place.
        public let reason: String

        /// The place as a JSON Pointer (RFC 6901): `/items/3/prompt`.
        public let pointer: String

        public init(_ place: String, _ reason: String) {
            self.place = place
            self.reason = reason
            pointer = Self.pointer(to: place)
        }

        /// A member that nobody knows, of an object or, where that is empty, of the whole document.
        public init(unknownMember name: String, of object: String) {
            let shown = String(name.unicodeScalars.prefix(Limits.memberNameShown))
            place = object.isEmpty ? shown : "\(object).\(shown)"
            reason = "is not known here, and was passed over"
            let escaped = shown.replacing("~", with: "~0").replacing("/", with: "~1")
            pointer = Self.pointer(to: object) + "/" + escaped
        }

        /// One sentence.
        public var sentence: String { (place.isEmpty ? "The request" : place) + " \(reason)." }

        private static func pointer(to place: String) -> String {
            place.isEmpty
                ? "" : "/" + place.replacing("[", with: "/").replacing("]", with: "").replacing(".", with: "/")
        }
    }

    /// In the order of the document; at least one.
    public let problems: [Problem]
    /// How many there are beyond those listed.
    public let moreCount: Int

    public init(_ problems: [Problem], moreCount: Int = 0) {
        precondition(!problems.isEmpty, "a request without problems is valid")
        self.problems = problems
        self.moreCount = moreCount
    }

    public init(_ place: String, _ reason: String) {
        self.init([Problem(place, reason)])
    }

    /// The first problem, and how many others there are.
    public var sentence: String {
        let others = problems.count - 1 + moreCount
        return others == 0 ? problems[0].sentence : "\(problems[0].sentence) There are \(others) more problems."
    }
}
