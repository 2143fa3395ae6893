import Documents
import Domain
import Foundation
import TestSupport
import Testing

/// The paragraphs that a letter has for a customer's trade and size.
@Suite struct LetterParagraphTests {
    private static let folder = Deployment.root + "/templates"
    private static let useCases = ["advertising", "commerce", "education", "media"]
    private static let scales = ["large", "medium", "small"]

    /// A letter with everything that it has a place for.
    private static func body(_ name: String, _ chosen: [LetterParagraph: String]) throws -> String {
        let letter = try LetterTemplate(name: name, folders: [folder], chosen: chosen)
        let values = Dictionary(uniqueKeysWithValues: letter.placeholders.map { ($0, "<\($0)>") })
        return try letter.fill(values, given: []).body
    }

    private static func paragraph(_ path: String) throws -> String {
        try String(contentsOfFile: "\(folder)/letters/\(path).txt", encoding: .utf8)
    }

    @Test(arguments: ["introduction", "follow-up"])
    func `each trade and each size has a paragraph of its own, and without one nothing stands there`(
        name: String
    ) throws {
        let plain = try Self.body(name, [:])
        #expect(!plain.contains("use_case") && !plain.contains("scale}") && !plain.contains("\n\n\n"), "\(plain)")
        #expect(LetterTemplate.names(in: [Self.folder], below: "\(name)/use-case") == Self.useCases)
        #expect(LetterTemplate.names(in: [Self.folder], below: "\(name)/scale") == Self.scales)
        for useCase in Self.useCases {
            for scale in Self.scales {
                let body = try Self.body(name, [.useCase: useCase, .scale: scale])
                let parts = [
                    try Self.paragraph("\(name)/use-case/\(useCase)"), try Self.paragraph("\(name)/scale/\(scale)"),
                ]
                for part in parts { #expect(body.contains("\n" + part), "\(useCase), \(scale): \(body)") }
                // Nothing else differs, and the lines are no longer than those around them.
                #expect(!body.contains("\n\n\n") && body.count < plain.count + parts[0].count + parts[1].count + 5)
                #expect(body.split(separator: "\n").allSatisfy { $0.count <= 130 })
            }
        }
    }

    @Test func `what nobody wrote is refused with what there is, and a letter without a place says so`() throws {
        func refusal(_ name: String, _ chosen: [LetterParagraph: String]) -> String? {
            do {
                _ = try LetterTemplate(name: name, folders: [Self.folder], chosen: chosen)
                return nil
            } catch { return error.kind == .usage ? error.sentence : "\(error.kind)" }
        }
        #expect(
            refusal("introduction", [.useCase: "mining"])
                == "The letter introduction has no paragraph for the use case \"mining\"; there are advertising, "
                + "commerce, education, media.")
        #expect(
            refusal("technical", [.scale: "../small"])
                == "The letter technical has no paragraph for the scale \"../small\"; there are large, medium, small.")
        #expect(
            refusal("technical", [.useCase: "media"])
                == "The letter technical has no paragraph for the use case: leave it out.")
        #expect(refusal("technical", [.scale: "small"]) == nil)
    }

    @Test func `a folder of one's own adds a trade, and replaces a paragraph of the same name`() throws {
        let own = try ScratchFolder()
        let place = own.file("letters/introduction/use-case")
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        _ = try own.write("For mines, {{company}}.\n", to: "letters/introduction/use-case/mining.txt")
        _ = try own.write("For shops.\n", to: "letters/introduction/use-case/commerce.txt")
        for (choice, words) in [("mining", "For mines, Kranich."), ("commerce", "For shops.")] {
            let letter = try LetterTemplate(
                name: "introduction", folders: [Self.folder, own.path], chosen: [.useCase: choice])
            let values = Dictionary(uniqueKeysWithValues: letter.placeholders.map { ($0, "Kranich") })
            #expect(try letter.fill(values, given: []).body.contains("\n\n\(words)\n\n"))
        }
    }

    @Test func `the prices in the paragraphs are those of the price list`() throws {
        func number(_ text: Substring) -> Int64? { Int64(text.replacing(",", with: "")) }
        var (packages, prices) = (0, 0)
        for name in ["introduction", "follow-up", "technical"] {
            for scale in Self.scales {
                let text = try Self.paragraph("\(name)/scale/\(scale)").replacing("\n", with: " ")
                for match in text.matches(
                    of: #/\$([0-9,]+) buys ([0-9,]+) credits, which are ([0-9,]+)/#)
                {
                    let package = try #require(number(match.1).flatMap { CreditPackage(rawValue: $0) })
                    #expect(number(match.2) == package.credits)
                    #expect(number(match.3) == package.credits / VideoModel.sora2.credits)
                    packages += 1
                }
                for match in text.matches(of: #/\$([0-9.]+) for (?:a )?(Sora-2|Veo-Flash|Veo-Pro)/#) {
                    let model = try #require(VideoModel(rawValue: match.2.lowercased()))
                    #expect(model.listPrice.description == String(match.1))
                    prices += 1
                }
                // Nothing else costs anything.
                let named = text.matches(of: #/\$[0-9.,]+ (?:for|buys) /#).count
                #expect(text.filter { $0 == "$" }.count == named, "\(text)")
            }
        }
        #expect(packages == 5 && prices == 4)
    }
}
