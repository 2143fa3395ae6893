public import Foundation

/// The one form of the documents that we write: keys in snake_case and in order, so that the same document has the same
/// bytes, and ends with a line end.
public enum CanonicalJSON {
    public static func encode(_ document: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(document)) + [0x0A]
    }

    public static func decode<Document: Decodable>(_ type: Document.Type, from text: String) throws -> Document {
        try decode(type, from: Data(text.utf8))
    }

    public static func decode<Document: Decodable>(_ type: Document.Type, from data: Data) throws -> Document {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: data)
    }
}
