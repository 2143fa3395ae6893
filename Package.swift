// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
    name: "daybook",
    products: [
        .executable(name: "daybook", targets: ["daybook"]),
        .executable(name: "grsai-simulator", targets: ["grsai-simulator"]),
        .executable(name: "daybookd", targets: ["daybookd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0", traits: []),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CXlsxWriter", pkgConfig: "xlsxwriter", providers: [.apt(["libxlsxwriter-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "Formats", swiftSettings: strict),
        .target(name: "Domain", dependencies: ["Formats"], swiftSettings: strict),
        .target(name: "Codecs", dependencies: ["COpenSSL", "CZlib", "Domain", "Formats"], swiftSettings: strict),
        .target(name: "Postgres", dependencies: ["CLibPQ", "Domain", "Formats"], swiftSettings: strict),
        .target(
            name: "Schema",
            dependencies: ["Postgres", "Codecs", "Domain", "Formats"],
            resources: [
                .embedInCode("Migrations/001_books.sql"), .embedInCode("Migrations/002_service.sql"),
                .embedInCode("Migrations/003_money.sql"), .embedInCode("Migrations/004_batches.sql"),
                .embedInCode("Migrations/005_access.sql"), .embedInCode("Migrations/006_closes.sql"),
                .embedInCode("Migrations/007_retention.sql"), .embedInCode("Migrations/008_api.sql"),
                .embedInCode("Migrations/009_work.sql"), .embedInCode("Migrations/010_balances.sql"),
                .embedInCode("Migrations/011_carry.sql"), .embedInCode("Migrations/012_divided.sql"),
                .embedInCode("Migrations/013_runs.sql"), .embedInCode("Migrations/014_guards.sql"),
                .embedInCode("Migrations/015_closed.sql"), .embedInCode("Migrations/016_rights.sql"),
                .embedInCode("Migrations/019_terms.sql"), .embedInCode("Migrations/020_bonus.sql"),
                .embedInCode("Migrations/021_callers.sql"), .embedInCode("Migrations/023_settlement.sql"),
                .embedInCode("Migrations/024_prices.sql"), .embedInCode("Migrations/025_slugs.sql"),
                .embedInCode("Migrations/026_accesses.sql"), .embedInCode("Migrations/029_defaults.sql"),
                .embedInCode("Migrations/032_looks.sql"), .embedInCode("Migrations/033_faces.sql"),
                .embedInCode("Migrations/034_erasure.sql"), .embedInCode("Migrations/035_sending.sql"),
                .embedInCode("Migrations/036_draws.sql"), .embedInCode("Migrations/037_credits.sql"),
                .embedInCode("Migrations/038_turns.sql"), .embedInCode("Migrations/039_recorded.sql"),
                .embedInCode("Migrations/040_history.sql"),
                .embedInCode("Migrations/041_hints.sql"), .embedInCode("Migrations/042_plans.sql"),
                .embedInCode("Migrations/043_idle.sql"),
                .embedInCode("Migrations/044_late.sql"),
                .embedInCode("Migrations/045_owners.sql"), .embedInCode("Migrations/046_adoption.sql"),
                .embedInCode("Migrations/047_sets.sql"), .embedInCode("Migrations/048_room.sql"),
                .embedInCode("Migrations/049_windows.sql"),
                .embedInCode("Migrations/051_hinted_task.sql"), .embedInCode("Migrations/052_webhooks.sql"),
                .embedInCode("Migrations/053_month.sql"), .embedInCode("Migrations/054_service_credits.sql"),
                .embedInCode("Migrations/056_billing.sql"), .embedInCode("Migrations/057_keys.sql"),
                .embedInCode("Migrations/058_letters.sql"), .embedInCode("Migrations/060_custom_ids.sql"),
                .embedInCode("Migrations/061_webhook_retention.sql"),
                .embedInCode("Migrations/062_store.sql"), .embedInCode("Migrations/063_videos.sql"),
                .embedInCode("Migrations/064_video_retention.sql"),
                .embedInCode("Migrations/066_watched.sql"),
                // Links to reports/sources: the rules that reports share with the program.
                .embedInCode("Rules/batch_state.sql"), .embedInCode("Rules/dated_batch.sql"),
                .embedInCode("Rules/dated_task.sql"), .embedInCode("Rules/estimated_settlement.sql"),
                .embedInCode("Rules/ledger_row.sql"), .embedInCode("Rules/named_task.sql"),
                .embedInCode("Rules/owned_access.sql"), .embedInCode("Rules/single_return.sql"),
                .embedInCode("Rules/single_spend.sql"), .embedInCode("Rules/slug_order.sql"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "BatchEngine",
            dependencies: [
                "Schema", "Postgres", "Codecs", "Domain", "Formats",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Grsai",
            dependencies: [
                "BatchEngine", "Domain", "Formats",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Webhooks",
            dependencies: [
                "BatchEngine", "Domain",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "ObjectStore",
            dependencies: [
                "BatchEngine", "Postgres", "Codecs", "Domain", "Formats",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "GrsaiSimulator",
            dependencies: [
                "Domain", "Formats",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "grsai-simulator",
            dependencies: [
                "GrsaiSimulator", "Domain",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .target(name: "Spreadsheet", dependencies: ["CXlsxWriter", "Domain"], swiftSettings: strict),
        .target(
            name: "Documents",
            dependencies: [
                "Spreadsheet", "Codecs", "Domain", "Formats", "CLinux",
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Reporting",
            dependencies: ["Documents", "Schema", "Postgres", "Spreadsheet", "Codecs", "Domain", "Formats"],
            swiftSettings: strict
        ),
        .target(
            name: "Ledger",
            dependencies: ["Documents", "Schema", "Postgres", "Spreadsheet", "Codecs", "Domain", "Formats"],
            swiftSettings: strict
        ),
        .target(
            name: "MonthEnd",
            dependencies: [
                "Ledger", "Reporting", "Documents", "Schema", "Postgres", "Codecs", "Domain", "Formats",
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Retention",
            dependencies: ["Documents", "Schema", "Postgres", "Codecs", "Domain", "Formats"],
            swiftSettings: strict
        ),
        .target(
            name: "API",
            dependencies: [
                "BatchEngine", "Postgres", "Domain", "Formats",
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            resources: [.embedInCode("openapi.yaml")],
            swiftSettings: strict
        ),
        .target(
            name: "Console",
            dependencies: [
                "Postgres", "Domain", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "StoreConsole",
            dependencies: [
                "ObjectStore", "Codecs", "Domain", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "daybookd",
            dependencies: [
                "StoreConsole", "API", "Grsai", "Webhooks", "ObjectStore", "BatchEngine", "Console", "Schema",
                "Postgres", "Codecs",
                "Domain",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "daybook",
            dependencies: [
                "StoreConsole", "Console", "MonthEnd", "Retention", "Ledger", "Reporting", "Documents", "ObjectStore",
                "BatchEngine", "Schema", "Postgres", "Spreadsheet", "Codecs", "Domain", "Formats",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "engine-worker",
            dependencies: [
                "BatchEngine", "Postgres", "Domain",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "Benchmarks/EngineWorker", swiftSettings: strict),
        .target(
            name: "TestSupport", dependencies: ["Postgres", "Domain"], path: "Tests/TestSupport",
            exclude: ["bucket.py"], swiftSettings: strict
        ),
        .testTarget(name: "DomainTests", dependencies: ["Domain", "Formats", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "PostgresTests", dependencies: ["Postgres", "Domain", "Formats", "TestSupport"], swiftSettings: strict
        ),
        .testTarget(name: "SpreadsheetTests", dependencies: ["Spreadsheet", "Domain"], swiftSettings: strict),
        .testTarget(
            name: "SchemaTests", dependencies: ["Schema", "Postgres", "Domain", "Formats", "TestSupport", "daybook"],
            swiftSettings: strict),
        .testTarget(
            name: "ReportingTests",
            dependencies: [
                "Reporting", "Documents", "Schema", "Postgres", "Domain", "Formats", "TestSupport", "daybook",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RetentionTests",
            dependencies: [
                "Retention", "Ledger", "Reporting", "Documents", "Schema", "Postgres", "Codecs", "Domain", "Formats",
                "TestSupport", "daybook",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "StatementTests",
            dependencies: [
                "Ledger", "Reporting", "Documents", "Schema", "Postgres", "Codecs", "Domain", "Formats", "TestSupport",
                "daybook",
            ],
            exclude: ["planted.csv", "mail_server.py", "statements-0.1.0.csv"],
            swiftSettings: strict),
        .testTarget(
            name: "MonthEndTests",
            dependencies: ["MonthEnd", "Postgres", "Domain", "Formats", "TestSupport", "daybook"],
            swiftSettings: strict),
        .testTarget(
            name: "CommandTests",
            dependencies: ["Console", "Postgres", "Domain", "TestSupport", "daybook", "daybookd"],
            swiftSettings: strict),
        .testTarget(
            name: "GrsaiTests",
            dependencies: [
                "Grsai", "GrsaiSimulator", "grsai-simulator", "BatchEngine", "Domain", "Formats", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BatchEngineTests",
            dependencies: [
                "BatchEngine", "Ledger", "Schema", "Postgres", "Codecs", "Domain", "Formats", "TestSupport", "daybook",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WorkerTests",
            dependencies: [
                "BatchEngine", "Codecs", "Console", "Postgres", "Domain", "Formats", "TestSupport", "daybook",
                "daybookd", "grsai-simulator", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "APITests",
            dependencies: [
                "BatchEngine", "Codecs", "Postgres", "Domain", "Formats", "TestSupport", "daybook", "daybookd",
            ],
            exclude: ["Client", "Document", "Receiver"], swiftSettings: strict),
        .testTarget(
            name: "WebhooksTests",
            dependencies: [
                "Webhooks", "BatchEngine", "Codecs", "Domain", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ObjectStoreTests",
            dependencies: [
                "ObjectStore", "BatchEngine", "Codecs", "Postgres", "Domain", "Formats", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            exclude: ["signatures.py"], swiftSettings: strict),
        .testTarget(
            name: "RoleTests",
            dependencies: ["Schema", "Postgres", "Domain", "Formats", "TestSupport", "daybook", "daybookd"],
            swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: strict),
    ]
)
