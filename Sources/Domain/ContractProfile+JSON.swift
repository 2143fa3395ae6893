import Formats
import Foundation

extension ContractProfile {
    /// Reads a profile from its JSON document. Every value but `default_model` is required, an unknown key is refused.
    public init(json: [UInt8]) throws(DaybookError) {
        let decoded: Document
        do {
            let data = Data(json)
            try Document.refuseUnknownKeys(data)
            decoded = try JSONDecoder().decode(Document.self, from: data)
        } catch let error as DaybookError {
            throw error
        } catch {
            throw .badData("The contract profile is not the JSON it should be: \(Self.sentence(error, of: json)).")
        }
        try self.init(decoded)
    }

    private init(_ document: Document) throws(DaybookError) {
        func refuse(_ why: String) -> DaybookError {
            .badData("The contract profile \"\(document.name)\" is refused: \(why).")
        }
        func percent(_ text: String, _ key: String) throws(DaybookError) -> Percent {
            guard let value = Percent(text), (Percent.zero...Percent.hundred).contains(value) else {
                throw refuse("\(key) \"\(text)\" is not a percentage from 0 to 100 with at most four decimals")
            }
            return value
        }
        guard !document.name.isEmpty, document.name.count <= Limits.nameLength else {
            throw refuse("its name is empty")
        }
        guard document.version > 0 else { throw refuse("version starts at 1") }
        guard let clock = Clock(rawValue: document.completion.clock) else {
            throw refuse("clock is \"\(document.completion.clock)\", but must be dispatch or accept")
        }
        var exclusions: Set<Exclusion> = []
        for name in document.completion.exclusions {
            guard let exclusion = Exclusion(rawValue: name) else { throw refuse("\"\(name)\" cannot be excluded") }
            exclusions.insert(exclusion)
        }
        var completions: [String: Completion] = [:]
        for (model, promise) in document.completion.models {
            guard (1...604_800).contains(promise.limitSeconds) else {
                throw refuse("the limit of \(model) must lie between 1 second and 7 days")
            }
            let target = try percent(promise.targetPercent, "target_percent")
            completions[model] = Completion(target: target, limitSeconds: promise.limitSeconds)
        }
        guard document.defaultModel.map({ !$0.isEmpty && $0.count <= Limits.nameLength }) ?? true else {
            throw refuse("default_model is not the name of a model")
        }
        var tiers: [ServiceCreditTier] = []
        for tier in document.serviceCredits {
            tiers.append(
                ServiceCreditTier(
                    from: try percent(tier.fromPercent, "from_percent"),
                    below: try percent(tier.belowPercent, "below_percent"),
                    credit: try percent(tier.creditPercent, "credit_percent")))
        }
        let target = try percent(document.availability.targetPercent, "target_percent")
        if let defect = ServiceCreditTier.defect(of: tiers, target: target) { throw refuse(defect) }
        func require(_ value: Int64, _ range: ClosedRange<Int64>, _ key: String) throws(DaybookError) {
            guard range.contains(value) else {
                throw refuse("\(key) must lie between \(range.lowerBound) and \(range.upperBound), and is \(value)")
            }
        }
        try require(document.availability.maintenanceNoticeHours, 0...8_760, "maintenance_notice_hours")
        try require(document.refundDeadlineSeconds, 1...2_592_000, "refund_deadline_seconds")
        try require(document.stuckAfterHours, 1...8_760, "stuck_after_hours")
        self.init(
            name: document.name, version: document.version, timeZone: document.timeZone,
            availabilityTarget: target,
            monitoredTarget: try percent(document.availability.monitoredPercent, "monitored_percent"),
            maintenanceNoticeHours: document.availability.maintenanceNoticeHours,
            clock: clock, completions: completions,
            defaultModel: document.defaultModel ?? Self.standardModel, exclusions: exclusions,
            refundDeadlineSeconds: document.refundDeadlineSeconds,
            stuckAfterHours: document.stuckAfterHours,
            serviceCredits: tiers.sorted { $0.from > $1.from })
    }

    /// The place of a number that no member of a profile can be; nil where there is none.
    private static func oddNumber(in value: JSON, at place: String = "") -> String? {
        switch value {
        case .number(let text): Int64(JSON.canonicalNumber(text)) == nil ? place : nil
        case .array(let elements): elements.lazy.compactMap { oddNumber(in: $0, at: place) }.first
        case .object(let members):
            members.lazy.compactMap { member in
                oddNumber(in: member.value, at: place.isEmpty ? member.name : "\(place).\(member.name)")
            }.first
        default: nil
        }
    }

    private static func sentence(_ error: any Error, of json: [UInt8]) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\"\(context.codingPath.map(\.stringValue).joined(separator: "."))\" has the wrong kind of value"
        default:
            // Of a number that does not fit the decoder says only that the whole document is wrong.
            (try? JSON(parsing: json)).flatMap { oddNumber(in: $0) }.map {
                "\"\($0)\" is no whole number of a size that fits"
            } ?? "it cannot be read"
        }
    }
}

extension ContractProfile {
    /// The JSON document of a profile, key by key.
    struct Document: Codable {
        struct Availability: Codable {
            let targetPercent: String
            let monitoredPercent: String
            let maintenanceNoticeHours: Int64

            enum CodingKeys: String, CodingKey, CaseIterable {
                case targetPercent = "target_percent"
                case monitoredPercent = "monitored_percent"
                case maintenanceNoticeHours = "maintenance_notice_hours"
            }
        }
        struct Model: Codable {
            let targetPercent: String
            let limitSeconds: Int64

            enum CodingKeys: String, CodingKey, CaseIterable {
                case targetPercent = "target_percent"
                case limitSeconds = "limit_seconds"
            }
        }
        struct Completion: Codable {
            let clock: String
            let models: [String: Model]
            let exclusions: [String]

            enum CodingKeys: String, CodingKey, CaseIterable { case clock, models, exclusions }
        }
        struct Tier: Codable {
            let fromPercent: String
            let belowPercent: String
            let creditPercent: String

            enum CodingKeys: String, CodingKey, CaseIterable {
                case fromPercent = "from_percent"
                case belowPercent = "below_percent"
                case creditPercent = "credit_percent"
            }
        }

        let name: String
        let version: Int64
        let timeZone: String
        let availability: Availability
        let completion: Completion
        /// Nil in a profile that does not name it.
        let defaultModel: String?
        let refundDeadlineSeconds: Int64
        let stuckAfterHours: Int64
        let serviceCredits: [Tier]

        enum CodingKeys: String, CodingKey, CaseIterable {
            case name, version, availability, completion
            case timeZone = "time_zone"
            case defaultModel = "default_model"
            case refundDeadlineSeconds = "refund_deadline_seconds"
            case stuckAfterHours = "stuck_after_hours"
            case serviceCredits = "service_credits"
        }

        /// A misspelt key would otherwise be a promise that nobody keeps.
        static func refuseUnknownKeys(_ json: Data) throws {
            guard let top = try JSONSerialization.jsonObject(with: json) as? [String: Any] else {
                throw DaybookError.badData("A contract profile is one JSON object.")
            }
            try refuse(top, known: CodingKeys.allCases.map(\.rawValue), place: "")
            try refuse(
                top["availability"], known: Availability.CodingKeys.allCases.map(\.rawValue), place: "availability.")
            let completion = top["completion"] as? [String: Any]
            try refuse(completion, known: Completion.CodingKeys.allCases.map(\.rawValue), place: "completion.")
            for (model, promise) in completion?["models"] as? [String: Any] ?? [:] {
                let place = "completion.models.\(model)."
                try refuse(promise, known: Model.CodingKeys.allCases.map(\.rawValue), place: place)
            }
            for tier in top["service_credits"] as? [Any] ?? [] {
                try refuse(tier, known: Tier.CodingKeys.allCases.map(\.rawValue), place: "service_credits.")
            }
        }

        private static func refuse(_ object: Any?, known: [String], place: String) throws {
            guard let object = object as? [String: Any] else { return }
            guard let unknown = object.keys.sorted().first(where: { !known.contains($0) }) else { return }
            let choices = known.joined(separator: ", ")
            throw DaybookError.badData(
                "The contract profile has an unknown key \"\(place)\(unknown)\"; known here are: \(choices).")
        }
    }
}
