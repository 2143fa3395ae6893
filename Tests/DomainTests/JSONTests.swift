import Domain
import Formats
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,-0.5e+10,true,false,null,"x"],"b":{}}"#, #""\"\\\b\f\n\r\tüx😀""#, "[]", "0", #"{"":""}"#,
    ]) func `a document that is read and written is the same bytes`(text: String) throws {
        #expect(try JSON(parsing: Array(text.utf8)).compactText == text)
    }

    @Test func `escapes are read as what they stand for, and slashes are not escaped`() throws {
        let value = try JSON(parsing: Array(#" [ "\u00fc\ud83d\ude00\/\u001f" , 1 ] "#.utf8))
        #expect(value == .array([.string("ü😀/\u{1F}"), .number("1")]))
        #expect(value.compactText == #"["ü😀/\u001f",1]"#)
    }

    @Test func `the canonical form does not depend on the order of members`() throws {
        let first = try JSON(parsing: Array(#"{"b":1,"a":{"z":0,"é":1,"y":2}}"#.utf8))
        #expect(String(decoding: first.bytes(.canonical), as: UTF8.self) == #"{"a":{"y":2,"z":0,"é":1},"b":1}"#)
    }

    @Test(arguments: [
        "", " ", "{", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{'a':1}", "01", "1.", ".5", "+1", "-", "1e",
        "NaN", "Infinity", "tru", "nul", "[1]x", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "\"\\u0000\"", "\"a\nb\"", "// c\n1", "{\"a\":1,\"a\":2}", "[1]]", "\u{FEFF}1",
        String(repeating: "[", count: 100_000), String(repeating: "9", count: 1000),
        String(repeating: "{\"a\":", count: 66) + "1" + String(repeating: "}", count: 66),
    ]) func `what is not JSON is refused`(text: String) {
        #expect(throws: JSONDefect.self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test func `bytes that are not UTF-8 are refused`() {
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xFF]] {
            #expect(throws: JSONDefect.self) { try JSON(parsing: bytes) }
        }
    }
}
