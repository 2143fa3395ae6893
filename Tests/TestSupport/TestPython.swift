import Foundation

/// The Python that reads outputs back: Debian's, which has openpyxl beside it, unless `DAYBOOK_TEST_PYTHON` names another.
public enum TestPython {
    public static let path = ProcessInfo.processInfo.environment["DAYBOOK_TEST_PYTHON"] ?? "/usr/bin/python3"
}
