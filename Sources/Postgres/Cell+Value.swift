internal import Domain

extension Cell {
    /// The field as a parameter that would send it again.
    func value() throws(CellFault) -> Value {
        guard !isNull else { return .null }
        switch type {
        case .int2, .int4, .int8, .oid: return .int(try Int64.decode(self))
        case .bool: return .bool(try Bool.decode(self))
        case .float4, .float8: return .double(try Double.decode(self))
        case .uuid: return .uuid(try UUIDText.decode(self).text)
        case .timestamptz: return .instant(try Instant.decode(self))
        case .date: return .date(try CalendarDate.decode(self))
        case .numeric: return .numeric(try Numeric.decode(self))
        case .json, .jsonb: return .json(try String.decode(self))
        case .bytea: return .bytes(Array(bytes))
        case .text, .varchar, .bpchar, .name, .xml, .char, .void: return .text(try String.decode(self))
        default:
            if KnownType.byArrayOID[type] != nil || (type.isOwn && bytes.first == 0) {
                let array = try BinaryArray(self)
                guard array.dimensions.count <= 1 else { throw .outOfRange }
                return .array(try elements(), of: array.elementType)
            }
            return .unknown(try String.decode(self))
        }
    }

    /// The elements of an array of one dimension, nulls included.
    func elements() throws(CellFault) -> [Value] {
        let array = try BinaryArray(self)
        guard array.dimensions.count <= 1 else { throw .outOfRange }
        var values: [Value] = []
        values.reserveCapacity(array.count)
        try array.forEachElement { (element: Cell) throws(CellFault) in values.append(try element.value()) }
        return values
    }
}
