/// The wrapping of the provider's answers.
struct WireAnswer<Content: Encodable & Sendable>: Encodable, Sendable {
    let code: Int64
    let msg: String
    let data: Content?

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code, forKey: .code)
        try container.encode(msg, forKey: .msg)
        // Absent data is written as null, not left out.
        try container.encode(data, forKey: .data)
    }

    enum CodingKeys: CodingKey { case code, msg, data }
}
