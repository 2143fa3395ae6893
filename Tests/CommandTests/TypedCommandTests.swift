import Console
import Testing

/// A command that is printed to be typed again.
@Suite struct TypedCommandTests {
    @Test func `an option is set where it stands, or at the end`() {
        var command = TypedCommand(["daybook", "retention", "purge", "--expect-rows", "12", "--quiet"])
        #expect(command.names(["retention", "purge"]) && !command.names(["retention", "plan"]))
        command.set("--expect-rows", to: "13")
        command.set("--as-of", to: "2026-11-05")
        command.set("--quiet")
        command.set("--yes")
        #expect(command.text == "daybook retention purge --expect-rows 13 --quiet --as-of 2026-11-05 --yes")
        var joined = TypedCommand(["/usr/bin/daybook", "retention", "purge", "--expect-rows=12"])
        joined.set("--expect-rows", to: "13")
        #expect(joined.text == "/usr/bin/daybook retention purge --expect-rows=13")
    }

    @Test func `a shell takes it for the same words`() throws {
        let words = ["daybook", "--reason", "it's Ada's", "", "a b", "$HOME", "host=/x port=5", "Søren", "`id`", "*"]
        let text = TypedCommand(words).text
        #expect(
            text == "daybook --reason 'it'\\''s Ada'\\''s' '' 'a b' '$HOME' 'host=/x port=5' 'Søren' '`id`' '*'")
    }

    @Test func `a password that was typed is not shown again`() {
        for secret in ["postgres://ada:secret@db/books", "host=db password=secret"] {
            for words in [["--database", secret], ["--database=" + secret]] {
                let text = TypedCommand(["daybook", "retention", "purge"] + words).text
                #expect(!text.contains("secret") && text.contains("\"$DATABASE_URL\""), "\(text)")
            }
        }
    }
}
