/// What a client sends to have a video rendered.
struct SubmissionForm: Decodable, Sendable {
    let model: String?
    let prompt: String?
    let aspectRatio: String?
    let duration: Int64?
    let size: String?
    let urls: [String]?
    let webHook: String?
    let shutProgress: Bool?

    /// The model, where everything is as the provider documents it.
    ///
    /// - Parameter forSora: which of the two addresses was called.
    func model(forSora: Bool) -> SimulatedModel? {
        guard let model = SimulatedModel(rawValue: model ?? (forSora ? "sora-2" : "")), model.isSora == forSora,
            let prompt, !prompt.isEmpty,
            ["16:9", "9:16"].contains(aspectRatio ?? "9:16"),
            (urls ?? []).count <= 3
        else { return nil }
        guard forSora else { return model }
        return [10, 15].contains(duration ?? 10) && ["small", "large"].contains(size ?? "small") ? model : nil
    }

    /// The callback address; nil for none.
    var callbackURL: String? { webHook == "-1" ? nil : webHook }

    /// The end of a callback address behind its last separator, which our clients make a submission's nonce.
    static func nonce(of callbackURL: String) -> String? {
        let end = callbackURL.split { "/=?&#".contains($0) }.last.map(String.init)
        return end?.isEmpty == false ? end : nil
    }
}
