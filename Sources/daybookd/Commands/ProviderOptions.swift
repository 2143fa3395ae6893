import ArgumentParser
import Codecs
import Domain
import Foundation
import Grsai

/// Where the provider is, and who we are there.
struct ProviderOptions: ParsableArguments {
    /// The environment variable of the key: a key on a command line is everybody's to see.
    static let keyVariable = "GRSAI_API_KEY"

    private static let standardAddress = "https://grsaiapi.com"

    @Option(
        name: .customLong("provider"),
        help: ArgumentHelp("The provider's address. Default: \(standardAddress).", valueName: "url"))
    var namedProvider: String?
    @Option(help: ArgumentHelp("A file with the provider's key. Default: GRSAI_API_KEY.", valueName: "file"))
    var providerKeyFile: String?

    /// The names of the options that were given.
    var given: [String] {
        [namedProvider.map { _ in "--provider" }, providerKeyFile.map { _ in "--provider-key-file" }].compactMap(\.self)
    }

    func client() throws -> GrsaiClient {
        GrsaiClient(settings: try GrsaiSettings(baseURL: namedProvider ?? Self.standardAddress, key: try key()))
    }

    private func key() throws -> String {
        if let providerKeyFile {
            guard let text = String(validating: try KeyFile.secret(providerKeyFile), as: UTF8.self) else {
                throw DaybookError.configuration("The provider's key in \(providerKeyFile) is no text.")
            }
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard let key = ProcessInfo.processInfo.environment[Self.keyVariable], !key.isEmpty else {
            throw DaybookError.configuration(
                "The provider's key is missing; put it into a file and name it with --provider-key-file, or set "
                    + "\(Self.keyVariable).")
        }
        return key
    }
}
