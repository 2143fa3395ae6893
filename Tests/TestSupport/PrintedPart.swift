import Foundation

/// The parts of the documents that are printed from data, between two marks. `DAYBOOK_REWRITE_DOCUMENTS=1` writes them.
public enum PrintedPart {
    /// What is wrong with a part of a document, nil where it has its text; or writes it.
    ///
    /// - Parameter document: Its name in `docs`.
    public static func difference(_ document: String, _ name: String, _ text: String) throws -> String? {
        let path = "\(Deployment.root)/docs/\(document)"
        var written = try String(contentsOfFile: path, encoding: .utf8)
        guard let first = written.range(of: "<!-- printed: \(name) -->\n"),
            let last = written.range(of: "<!-- end: \(name) -->")
        else { return "docs/\(document) has no part \(name)" }
        let part = first.upperBound..<last.lowerBound
        if ProcessInfo.processInfo.environment["DAYBOOK_REWRITE_DOCUMENTS"] == "1" {
            written.replaceSubrange(part, with: text)
            try written.write(toFile: path, atomically: true, encoding: .utf8)
            return nil
        }
        guard written[part] != text else { return nil }
        return "\(name) in docs/\(document) is not what the data say; DAYBOOK_REWRITE_DOCUMENTS=1 writes it"
    }
}
