import CXlsxWriter

/// A chart of a workbook, to be inserted into a sheet once.
public final class ChartHandle {
    let workbook: Workbook
    let pointer: UnsafeMutablePointer<lxw_chart>
    let chart: Chart
    /// True once it stands on a sheet.
    var isInserted = false

    init(workbook: Workbook, pointer: UnsafeMutablePointer<lxw_chart>, chart: Chart) {
        self.workbook = workbook
        self.pointer = pointer
        self.chart = chart
    }

    /// Lends the options with which the library inserts the chart.
    func withOptions(_ body: (inout lxw_chart_options) -> lxw_error) -> lxw_error {
        chart.summary.withCString { summary in
            var options = lxw_chart_options()
            options.x_scale = chart.width / Self.defaultWidth
            options.y_scale = chart.height / Self.defaultHeight
            // Columns that a reader widens move the chart and leave its size alone.
            options.object_position = UInt8(LXW_OBJECT_MOVE_DONT_SIZE.rawValue)
            // The library makes its own copy and does not write to this one.
            if !chart.summary.isEmpty { options.description = UnsafeMutablePointer(mutating: summary) }
            return body(&options)
        }
    }

    /// Pixels of a chart at scale 1.
    private static let defaultWidth = 480.0
    private static let defaultHeight = 288.0
}
