import Foundation

/// A workbook as an independent reader, openpyxl, sees it.
struct ReadWorkbook: Decodable {
    struct Cell: Decodable {
        /// `s` text, `n` number, `f` formula, `d` instant.
        let type: String
        let text: String
        let numberFormat: String
        let isBold: Bool
    }

    struct Table: Decodable, Equatable {
        let name: String
        let ref: String
        let filter: String?
        let headers: [String]
    }

    struct Sheet: Decodable {
        let name: String
        let cells: [String: Cell]
        let freeze: String?
        let filter: String?
        let orientation: String?
        let paper: String?
        let fitToWidth: Int?
        let fitToHeight: Int?
        let repeatedRows: String?
        let footer: [String?]
        let widths: [String: Double]
        let charts: Int
        let tables: [Table]
    }

    struct Properties: Decodable {
        let title: String?
        let creator: String?
        let subject: String?
        let description: String?
        let created: String
        let modified: String
        let custom: [String: String]
    }

    let sheets: [Sheet]
    let properties: Properties

    /// Reads the file at a path with Python: the one that `DAYBOOK_TEST_PYTHON` names, else `python3`.
    static func read(_ path: String) throws -> ReadWorkbook {
        let python = ProcessInfo.processInfo.environment["DAYBOOK_TEST_PYTHON"] ?? "/usr/bin/python3"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [python, "-c", script, path]
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw ReadFailure(
                description: "\(python) could not read the workbook; it needs openpyxl 3.1 "
                    + "(name another Python in DAYBOOK_TEST_PYTHON): \(complaint)")
        }
        return try JSONDecoder().decode(ReadWorkbook.self, from: data)
    }

    private static let script = """
        import json, sys
        import openpyxl
        from openpyxl.utils.escape import unescape

        def cell(c):
            text = unescape(c.value) if isinstance(c.value, str) else repr(c.value)
            return {"type": c.data_type, "text": text, "numberFormat": c.number_format,
                    "isBold": bool(c.font.b)}

        def sheet(s):
            cells = {c.coordinate: cell(c) for c in s._cells.values() if c.value is not None or c.has_style}
            page = s.page_setup
            number = lambda x: None if x is None else int(x)
            return {"name": s.title, "cells": cells, "freeze": s.freeze_panes, "filter": s.auto_filter.ref,
                    "orientation": page.orientation, "paper": None if page.paperSize is None else str(page.paperSize),
                    "fitToWidth": number(page.fitToWidth), "fitToHeight": number(page.fitToHeight),
                    "repeatedRows": s.print_title_rows,
                    "footer": [s.oddFooter.left.text, s.oddFooter.center.text, s.oddFooter.right.text],
                    "widths": {k: v.width for k, v in s.column_dimensions.items()}, "charts": len(s._charts),
                    "tables": [{"name": t.displayName, "ref": t.ref, "filter": t.autoFilter.ref,
                                "headers": t.column_names} for t in s.tables.values()]}

        book = openpyxl.load_workbook(sys.argv[1])
        p = book.properties
        json.dump({"sheets": [sheet(s) for s in book.worksheets],
                   "properties": {"title": p.title, "creator": p.creator, "subject": p.subject,
                                  "description": p.description, "created": p.created.isoformat(),
                                  "modified": p.modified.isoformat(),
                                  "custom": {c.name: c.value for c in book.custom_doc_props.props}}}, sys.stdout)
        """
}

/// Why a workbook could not be read back.
struct ReadFailure: Error, CustomStringConvertible {
    let description: String
}
