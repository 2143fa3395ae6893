import API
import AsyncHTTPClient
import BatchEngine
import Console
import Domain
import Foundation
import Grsai
import Logging
import NIOCore
import NIOHTTP1
import Postgres
import ServiceLifecycle
import UnixSignals
import Webhooks

/// The API and a worker in this process, and the customer who uses them.
struct DemoEngine {
    let settings: ConnectionSettings
    let providerURL: String
    let providerKey: String
    let apiKey: String
    let items: Int
    /// Where the video goes that the customer downloads.
    let output: String
    /// The customer's receiver of webhooks; nil where there is none.
    let receiver: DemoReceiver?

    /// What goes well is told by the demo itself.
    private static var logger: Logger {
        var logger = Logger(label: "demo")
        logger.logLevel = .error
        return logger
    }

    /// Ends when the batch is settled and shown, its webhook was received, and a video of it was downloaded.
    func run() async throws {
        let logger = Self.logger
        let store = NSTemporaryDirectory() + "/daybook-demo-videos-\(UUID().uuidString)"
        let pool = ConnectionPool(settings, limits: .init(maxConnections: 8))
        let client = GrsaiClient(settings: try GrsaiSettings(baseURL: providerURL, key: providerKey))
        let (addresses, listening) = AsyncStream<String>.makeStream()
        let videos = try await pool.run { try VideoFolder(store, of: $0) }
        // The receiver is a program of this machine.
        let rules = RequestRules(allowsPlainWebhooks: true)
        let transport = HTTPWebhookTransport(rules: .init(allowsPlain: true, allowsPrivate: true))
        let source = HTTPVideoSource(providerURL: providerURL)
        let server = APIServer(
            pool: pool, settings: APISettings(host: "127.0.0.1", port: 0, rules: rules),
            videos: VideoServing(store: videos, publicURL: ""), logger: logger,
            readCallback: { GrsaiCallback(body: $0)?.told },
            explain: { Failure.failure(of: $0)?.sentence },
            onListening: { listening.yield($0) })
        let spool = NSTemporaryDirectory() + "/daybook-demo-spool-\(UUID().uuidString)"
        defer { for folder in [spool, store] { try? FileManager.default.removeItem(atPath: folder) } }
        let customer = DemoCustomer(
            addresses: addresses, apiKey: apiKey, items: items, output: output, receiver: receiver
        ) { address in
            let workerSettings = try WorkerSettings(callbackBase: address + "/callbacks", spoolFolder: spool)
            let settings = settings
            return Worker(
                provider: client, settings: workerSettings,
                store: WorkerStore(videos: videos, source: source, publicURL: address), logger: logger,
                explain: { Failure.words(of: $0) }
            ) {
                try await Connection.open(settings).direct(for: "A worker")
            }
        }
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(service: server),
                .init(
                    service: WebhookCourier(pool: pool, transport: transport, logger: logger) {
                        Failure.words(of: $0)
                    }),
                .init(service: customer, successTerminationBehavior: .gracefullyShutdownGroup),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch {
            try? await end(client, transport, source, pool)
            throw error
        }
        try await end(client, transport, source, pool)
    }

    private func end(
        _ client: GrsaiClient, _ transport: HTTPWebhookTransport, _ source: HTTPVideoSource, _ pool: ConnectionPool
    ) async throws {
        try await client.shutdown()
        try await transport.shutdown()
        try await source.shutdown()
        await pool.close()
    }
}

/// What a customer of the API does: ask to be told, submit a batch, look at it until it has ended, read its receipt,
/// verify what it was told, and download a video.
struct DemoCustomer: Service {
    private static let answerBytes = 1_048_576
    private static let videoBytes = 64 * 1_048_576

    let addresses: AsyncStream<String>
    let apiKey: String
    let items: Int
    let output: String
    let receiver: DemoReceiver?
    /// Makes the worker, once the address for callbacks is known.
    let makeWorker: @Sendable (String) throws -> Worker

    func run() async throws {
        guard let address = await addresses.first(where: { _ in true }) else { return }
        let worker = try makeWorker(address)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await worker.run() }
            try await use(address + "/v1")
            group.cancelAll()
        }
    }

    private func use(_ api: String) async throws {
        if let receiver {
            let body = try JSONSerialization.data(withJSONObject: ["url": receiver.address])
            let endpoint = try await call(.POST, api + "/webhook-endpoints", body)
            try receiver.take(secret: endpoint["secret"] as? String ?? "")
        }
        let models = ["sora-2", "sora-2", "sora-2", "veo-flash", "veo-pro"]
        let list = (0..<items).map { number in
            ["prompt": "A lighthouse at dawn, take \(number + 1)", "model": models[number % models.count]]
        }
        let body = try JSONSerialization.data(withJSONObject: ["request_id": "demo-\(getpid())", "items": list])
        let created = try await call(.POST, api + "/batches", body)
        guard let batchID = created["batch_id"] as? String else { return }
        Terminal.say("Batch \(batchID): \(items) items, \(created["required_credits"] ?? 0) credits frozen.")
        var last = ""
        while true {
            let batch = try await call(.GET, api + "/batches/\(batchID)")
            let line =
                "\(batch["status"] ?? ""): \(batch["succeeded_count"] ?? 0) succeeded, "
                + "\(batch["failed_count"] ?? 0) failed"
            if line != last { Terminal.say("  " + line) }
            last = line
            if let status = batch["status"] as? String, !["pending", "running"].contains(status) {
                try await showReceipt(batch, api)
                if let receiver { Terminal.say("The customer's receiver: \(try await receiver.word(of: batchID))") }
                try await download(from: batchID, api)
                return
            }
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func showReceipt(_ batch: [String: Any], _ api: String) async throws {
        let batchID = batch["batch_id"] as? String ?? ""
        var receipt = TextTable(["settlement receipt", ""], rightAligned: [1])
        for (name, key) in [
            ("batch", "batch_id"), ("items", "total_count"), ("succeeded", "succeeded_count"),
            ("failed", "failed_count"),
            ("credits frozen", "credits_reserved"), ("credits spent", "credits_settled"),
            ("credits given back", "credits_refunded"), ("completed at", "completed_at"),
        ] { receipt.add([name, batch[key].map { "\($0)" } ?? ""]) }
        receipt.show()
        Terminal.show("")
        let ledger = try await call(.GET, api + "/credits/ledger?batch_id=\(batchID)&limit=200")
        var entries = TextTable(["entry", "type", "credits", "balance after"], rightAligned: [0, 2, 3])
        for case let entry as [String: Any] in ledger["entries"] as? [Any] ?? [] {
            entries.add(["id", "type", "delta", "balance_after"].map { key in entry[key].map { "\($0)" } ?? "" })
        }
        entries.show()
        Terminal.show("")
    }

    /// Downloads the first video that there is, as the store has it.
    private func download(from batchID: String, _ api: String) async throws {
        let items = try await call(.GET, api + "/batches/\(batchID)/items?status=succeeded&limit=1")
        guard let item = (items["items"] as? [[String: Any]])?.first, let address = item["video_url"] as? String else {
            Terminal.say("No video was made.")
            return
        }
        var request = HTTPClientRequest(url: address)
        request.headers.add(name: "Authorization", value: "Bearer \(apiKey)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: Self.videoBytes)
        guard response.status == .ok else {
            throw DaybookError(.failed, "The API answered \(response.status.code) instead of a video.")
        }
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        let path = output + "/video.mp4"
        try Data(bytes.readableBytesView).write(to: URL(fileURLWithPath: path))
        Terminal.say("Downloaded \(address) to \(path): \(bytes.readableBytes) bytes.")
    }

    private func call(_ method: HTTPMethod, _ url: String, _ body: Data? = nil) async throws -> [String: Any] {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(apiKey)")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let bytes = try await response.body.collect(upTo: Self.answerBytes)
        let object = try JSONSerialization.jsonObject(with: Data(bytes.readableBytesView)) as? [String: Any] ?? [:]
        guard response.status == .ok else {
            throw DaybookError(.failed, "The API answered \(response.status.code): \(object["message"] ?? "").")
        }
        return object
    }
}
