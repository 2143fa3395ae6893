import BatchEngine

/// Reads the answer to a poll: `POST /v1/draw/result`.
struct StatusReading {
    let remark: Remark

    /// The code of a task that is not known, which the first seconds of a known one show too.
    private static let notFoundCode: Int64 = -22

    func status(of providerTaskID: String, _ received: ReceivedAnswer) -> ProviderStatus {
        guard (200...299).contains(received.status) else {
            return .unreadable(remark: "Grsai answered a poll with HTTP \(received.status).")
        }
        guard let body = LooseValue.parse(received.body), case .object = body else {
            return .unreadable(remark: "Grsai's answer to a poll cannot be read.")
        }
        if let code = body["code"]?.integer, code != 0 {
            guard code != Self.notFoundCode else { return .notFound }
            let message = body["msg"]?.text.map { ": " + remark.clean($0) } ?? ""
            return .unreadable(remark: "Grsai answered a poll with code \(code)\(message)")
        }
        // Without a wrapping the object stands at the top, as in a callback.
        let object = body["data"] ?? (body["status"] == nil ? .null : body)
        guard case .object = object else { return .unreadable(remark: "Grsai's answer to a poll has no data.") }
        let task = TaskObject(object, remark: remark)
        guard task.id == nil || task.id == providerTaskID else {
            return .unreadable(remark: "Grsai's answer to a poll is about another task.")
        }
        return task.status
    }
}
