import Formats
import Foundation

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
