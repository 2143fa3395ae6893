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
    /// that it looks for. Bytes stay as they are.
    private static func byName(_ value: Any) -> Any {
        if value is String || value is Bool || value is [UInt8] { return value }
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .struct where !(value is any CustomStringConvertible):
            var values: [String: Any] = [:]
            for case (let name?, let child) in mirror.children { values[name] = byName(child) }
            return values
        case .collection:
            return mirror.children.map { byName($0.value) }
        default:
            return value
        }
    }
}
