import BatchEngine
import Testing

@Suite struct APIKeyTests {
    @Test func `a key reads back, and no key with one character changed does`() throws {
        let key = APIKey()
        #expect(key.text.utf8.count == 47)
        #expect(APIKey(key.text) == key)
        let characters = Array(key.text)
        for index in characters.indices {
            var changed = characters
            changed[index] = characters[index] == "x" ? "y" : "x"
            #expect(APIKey(String(changed)) == nil, "character \(index)")
        }
        for text in ["", "dbk_live_", key.text + "0", String(key.text.dropLast()), " " + key.text, key.text + "\n"] {
            #expect(APIKey(text) == nil)
        }
    }

    @Test func `keys differ, and what is shown of them says nothing of the rest`() {
        let keys = (0..<1000).map { _ in APIKey() }
        #expect(Set(keys.map(\.text)).count == 1000)
        for key in keys {
            #expect(key.displayPrefix.utf8.count == 15)
            #expect(!"\(key)".contains(key.text) && !String(reflecting: key).contains(key.text))
            #expect(key.digest.count == 32)
        }
    }
}
