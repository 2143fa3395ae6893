import Codecs
import Domain
import Formats

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

    /// Credits that the batch costs if every item succeeds.
    public var requiredCredits: Int64 { items.reduce(0) { $0 + $1.model.credits } }

    /// SHA-256 over the canonical JSON of all that was asked for, defaults filled in: the same request written in
    /// another order of members, or with its numbers in another notation, has the same one.
    public var fingerprint: [UInt8] { SHA256Digest.bytes(identity.bytes(.canonical)) }

    /// The fingerprint that versions kept which did not know that `1.0` is `1`.
    var earlierFingerprint: [UInt8] { SHA256Digest.bytes(identity.bytes(.ordered)) }

    private var identity: JSON {
        ["items": .array(items.map(\.identity)), "webhook_url": .text(webhookURL)]
    }
}
