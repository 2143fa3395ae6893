import CXlsxWriter
public import Domain
import Glibc

/// What a workbook says about itself.
public struct WorkbookProperties: Sendable {
    /// The instant that stands as both creation and last change. It is never the clock's, so that the same
    /// content gives the same bytes; whole seconds, and neither infinite nor 1970-01-01T00:00:00Z.
    public var created: Instant
    /// The title.
    public var title: String
    /// The subject.
    public var subject: String
    /// The author.
    public var author: String
    /// The company.
    public var company: String
    /// The comments.
    public var comments: String
    /// Further properties by name, each at most 255 UTF-16 units long, in the order in which they are listed.
    public var custom: [(name: String, text: String)]

    public init(
        created: Instant, title: String = "", subject: String = "", author: String = "", company: String = "",
        comments: String = "", custom: [(name: String, text: String)] = []
    ) {
        self.created = created
        self.title = title
        self.subject = subject
        self.author = author
        self.company = company
        self.comments = comments
        self.custom = custom
    }

    /// Throws for what a document cannot hold.
    func check() throws(SpreadsheetError) {
        for text in [title, subject, author, company, comments] {
            try PlainText.check(text, .property, "A property of the workbook")
        }
        for (name, text) in custom {
            try PlainText.check(name + text, .property, "A custom property of the workbook")
            guard !name.isEmpty, name.utf16.count <= SpreadsheetLimits.customPropertyLength,
                text.utf16.count <= SpreadsheetLimits.customPropertyLength
            else {
                throw SpreadsheetError(
                    .property,
                    "The custom property \"\(name)\" has no name, or is longer than "
                        + "\(SpreadsheetLimits.customPropertyLength) characters.")
            }
        }
        guard created.isFinite, createdSeconds != 0 else {
            throw SpreadsheetError(.property, "A workbook needs an instant of creation.")
        }
    }

    /// Seconds since the Unix epoch.
    var createdSeconds: Int {
        let (seconds, rest) = created.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return Int(rest < 0 ? seconds - 1 : seconds)
    }
}

extension Workbook {
    /// Writes the properties of the document into the library's object.
    static func set(
        _ properties: WorkbookProperties, of handle: UnsafeMutablePointer<lxw_workbook>
    ) throws(SpreadsheetError) {
        var document = lxw_doc_properties()
        document.title = strdup(properties.title)
        document.subject = strdup(properties.subject)
        document.author = strdup(properties.author)
        document.company = strdup(properties.company)
        document.comments = strdup(properties.comments)
        document.created = time_t(properties.createdSeconds)
        // The library makes its own copies.
        defer {
            for text in [document.title, document.subject, document.author, document.company, document.comments] {
                free(text)
            }
        }
        try SpreadsheetError.check(workbook_set_properties(handle, &document), "The workbook's properties")
        for (name, text) in properties.custom {
            try SpreadsheetError.check(
                workbook_set_custom_property_string(handle, name, text), "The custom property \"\(name)\"")
        }
    }
}
