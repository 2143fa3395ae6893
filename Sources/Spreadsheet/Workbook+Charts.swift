import CXlsxWriter

extension Workbook {
    /// Makes a chart of lines, one mark for a value.
    public func addLineChart(_ chart: Chart) throws(SpreadsheetError) -> ChartHandle {
        try add(chart, LXW_CHART_LINE)
    }

    /// Makes a chart of upright columns, side by side.
    public func addColumnChart(_ chart: Chart) throws(SpreadsheetError) -> ChartHandle {
        try add(chart, LXW_CHART_COLUMN)
    }

    private func add(_ chart: Chart, _ type: lxw_chart_type) throws(SpreadsheetError) -> ChartHandle {
        try chart.check()
        for series in chart.series {
            try checkExists(series.categories)
            try checkExists(series.values)
        }
        guard let pointer = workbook_add_chart(open, UInt8(type.rawValue)) else { throw .outOfMemory }
        for (index, series) in chart.series.enumerated() {
            try add(series, index: index, to: pointer, asLine: type == LXW_CHART_LINE)
        }
        if chart.title.isEmpty {
            chart_title_off(pointer)
        } else {
            chart_title_set_name(pointer, Chart.literal(chart.title))
        }
        setAxes(of: pointer, chart)
        chart_legend_set_position(pointer, UInt8(LXW_CHART_LEGEND_BOTTOM.rawValue))
        return ChartHandle(workbook: self, pointer: pointer, chart: chart)
    }

    private func setAxes(of pointer: UnsafeMutablePointer<lxw_chart>, _ chart: Chart) {
        let values = pointer.pointee.y_axis
        if !chart.categoryTitle.isEmpty {
            chart_axis_set_name(pointer.pointee.x_axis, Chart.literal(chart.categoryTitle))
        }
        if !chart.valueTitle.isEmpty { chart_axis_set_name(values, Chart.literal(chart.valueTitle)) }
        if let minimum = chart.valueMinimum { chart_axis_set_min(values, minimum) }
        if let maximum = chart.valueMaximum { chart_axis_set_max(values, maximum) }
        if let format = chart.valueFormat { chart_axis_set_num_format(values, format.code) }
        var gridline = lxw_chart_line()
        gridline.color = Self.gridlineColour
        gridline.width = 0.75
        chart_axis_major_gridlines_set_line(values, &gridline)
    }

    private func add(
        _ series: ChartSeries, index: Int, to chart: UnsafeMutablePointer<lxw_chart>, asLine: Bool
    ) throws(SpreadsheetError) {
        let pointer = chart_add_series(chart, "=" + series.categories.reference, "=" + series.values.reference)
        guard let pointer else { throw .outOfMemory }
        chart_series_set_name(pointer, Chart.literal(series.name))
        let colour = (series.colour ?? Colour.series[index % Colour.series.count]).library
        var line = lxw_chart_line()
        var fill = lxw_chart_fill()
        line.color = colour
        fill.color = colour
        guard asLine else {
            chart_series_set_fill(pointer, &fill)
            return
        }
        line.width = 2
        if series.isLimit { line.dash_type = UInt8(LXW_CHART_LINE_DASH_DASH.rawValue) }
        chart_series_set_line(pointer, &line)
        let marker = series.isLimit ? LXW_CHART_MARKER_NONE : Self.markers[index % Self.markers.count]
        chart_series_set_marker_type(pointer, UInt8(marker.rawValue))
        guard !series.isLimit else { return }
        line.width = 0.75
        line.dash_type = 0
        chart_series_set_marker_line(pointer, &line)
        chart_series_set_marker_fill(pointer, &fill)
    }

    /// Marks that stay apart without colours.
    private static let markers = [
        LXW_CHART_MARKER_CIRCLE, LXW_CHART_MARKER_SQUARE, LXW_CHART_MARKER_DIAMOND, LXW_CHART_MARKER_TRIANGLE,
    ]
    private static let gridlineColour: UInt32 = 0xD9D9D9
}
