internal import Foundation

/// JSON with sorted keys in snake_case: the same document, the same bytes.
enum CanonicalJSON {
    static func encode(_ document: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(document)) + [0x0A]
    }

    static func decode<Document: Decodable>(_ type: Document.Type, from text: String) throws -> Document {
        try decode(type, from: Data(text.utf8))
    }

    static func decode<Document: Decodable>(_ type: Document.Type, from data: Data) throws -> Document {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}
