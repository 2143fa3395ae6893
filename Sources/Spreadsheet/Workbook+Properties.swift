import CXlsxWriter
import Glibc

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
