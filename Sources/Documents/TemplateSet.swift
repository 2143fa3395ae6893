public import Domain
import Foundation
import Mustache

/// The page templates of the installation and of its administrator.
public struct TemplateSet: Sendable {
    private static let registration: Void = MustacheContentTypes.register(ScalarEscaping(), named: ScalarEscaping.name)

    private let library: MustacheLibrary

    /// Reads `*.mustache` of some folders and of their sub-folders; a later folder's file replaces an earlier one's.
    ///
    /// Throws `configuration` for a template that does not open with the escaping pragma, that
    /// writes anything unescaped, or that Mustache cannot read.
    public init(folders: [String]) throws(DaybookError) {
        _ = Self.registration
        var templates: [String: MustacheTemplate] = [:]
        for folder in folders {
            let files = FileManager.default.subpaths(atPath: folder) ?? []
            for file in files.sorted() where file.hasSuffix(".mustache") {
                templates[String(file.dropLast(9))] = try Self.template(at: folder + "/" + file)
            }
        }
        library = MustacheLibrary(templates: templates)
    }

    private static func template(at path: String) throws(DaybookError) -> MustacheTemplate {
        guard let data = FileManager.default.contents(atPath: path), let text = String(validating: data, as: UTF8.self)
        else { throw .configuration("The template \(path) cannot be read as UTF-8 text.") }
        guard text.hasPrefix("{{% CONTENT_TYPE:\(ScalarEscaping.name)}}") else {
            throw .configuration("The template \(path) must start with {{% CONTENT_TYPE:\(ScalarEscaping.name)}}.")
        }
        guard !text.contains("{{{"), !text.contains("{{&") else {
            throw .configuration("The template \(path) writes something unescaped, which is not allowed.")
        }
        do {
            return try MustacheTemplate(string: text)
        } catch {
            throw .configuration("The template \(path) is not valid Mustache: \(error).")
        }
    }

    /// Renders a template. Throws `configuration` if there is none of that name.
    public func render(_ model: any Sendable, template: String) throws(DaybookError) -> String {
        guard let page = library.render(Self.byName(model), withTemplate: template) else {
            throw .configuration("There is no template \(template).mustache; reinstall the templates.")
        }
        return page
    }

    /// The stored values of structures by their names: the engine would reflect upon a structure again for every name
    /// that it looks for. Bytes stay as they are, and a list names its elements when it is gone through.
    fileprivate static func byName(_ value: Any) -> Any {
        if value is String || value is Bool || value is [UInt8] { return value }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .struct where !(value is any CustomStringConvertible):
            var values: [String: Any] = [:]
            for case (let name?, let child) in mirror.children { values[name] = byName(child) }
            return values
        case .collection:
            return NamedElements(children: mirror.children)
        default:
            return value
        }
    }
}

/// The elements of a list, each named when its turn comes: a page of thousands of rows holds the names of one of them.
private struct NamedElements: MustacheSequence {
    let children: Mirror.Children

    func makeIterator() -> AnyIterator<Any> {
        AnyIterator(children.lazy.map { TemplateSet.byName($0.value) }.makeIterator())
    }
}

/// HTML escaping by Unicode scalar.
///
/// Mustache's own escapes by `Character`: a quote followed by a combining mark is
/// one character, is in no table, and would come out raw. Every template and
/// partial therefore opens with `{{% CONTENT_TYPE:DAYBOOK}}`.
package struct ScalarEscaping: MustacheContentType {
    /// The name that templates use.
    package static let name = "DAYBOOK"

    package func escapeText(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count + 16)
        Self.append(text, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends a text escaped. Every scalar that matters is one byte of UTF-8, and no byte of another one.
    package static func append(_ text: String, to bytes: inout [UInt8]) {
        var text = text
        text.withUTF8 { text in
            var rest = text[...]
            while let place = rest.firstIndex(where: isSpecial) {
                bytes.append(contentsOf: rest[..<place])
                bytes.append(contentsOf: replacement(rest[place]).utf8)
                rest = rest[(place + 1)...]
            }
            bytes.append(contentsOf: rest)
        }
    }

    /// Appends words escaped, and where they may run from right to left apart from what is around them: ASCII cannot.
    package static func appendWords(_ text: String, to bytes: inout [UInt8]) {
        let isPlain = text.utf8.allSatisfy { $0 < 0x80 }
        if !isPlain { bytes.append(contentsOf: "<bdi>".utf8) }
        append(text, to: &bytes)
        if !isPlain { bytes.append(contentsOf: "</bdi>".utf8) }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "\""), UInt8(ascii: "'"): true
        case 0x09, 0x0A, 0x0D: false
        default: byte < 0x20 || byte == 0x7F
        }
    }

    private static func replacement(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "<"): "&lt;"
        case UInt8(ascii: ">"): "&gt;"
        case UInt8(ascii: "&"): "&amp;"
        case UInt8(ascii: "\""): "&quot;"
        case UInt8(ascii: "'"): "&#39;"
        // Control characters have no place in HTML: show that one was there.
        default: "\u{FFFD}"
        }
    }
}
