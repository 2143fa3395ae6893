/// The provider's object of a task, as JSON.
struct WireTask: Encodable, Sendable, Hashable {
    let id: String
    let progress: Int64
    let status: String
    let failureReason: String
    let error: String
    /// Sora's list of one video.
    let results: [Result]?
    /// Veo's address.
    let url: String?

    struct Result: Encodable, Sendable, Hashable {
        let url: String
        let removeWatermark: Bool
        let pid: String
    }

    init(
        id: String, isSora: Bool, progress: Int64, status: String, url: String? = nil, failureReason: String = "",
        error: String = ""
    ) {
        self.id = id
        self.progress = progress
        self.status = status
        self.failureReason = failureReason
        self.error = error
        let pid = "s_" + id.filter { $0 != "-" }
        results = isSora ? url.map { [Result(url: $0, removeWatermark: false, pid: pid)] } ?? [] : nil
        self.url = isSora ? nil : url ?? ""
    }

    enum CodingKeys: String, CodingKey {
        case id, progress, status, error, results, url
        case failureReason = "failure_reason"
    }
}
