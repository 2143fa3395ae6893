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
        .executable(name: "daybook", targets: ["daybook"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CXlsxWriter", pkgConfig: "xlsxwriter", providers: [.apt(["libxlsxwriter-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .target(name: "Domain", swiftSettings: strict),
        .target(name: "Digests", dependencies: ["COpenSSL"], swiftSettings: strict),
        .target(name: "Postgres", dependencies: ["CLibPQ", "Domain"], swiftSettings: strict),
        .target(
            name: "Schema",
            dependencies: ["Postgres", "Digests", "Domain"],
            resources: [
                .embedInCode("Migrations/001_books.sql"), .embedInCode("Migrations/002_service.sql"),
                .embedInCode("Migrations/003_money.sql"), .embedInCode("Migrations/004_batches.sql"),
                .embedInCode("Migrations/005_access.sql"), .embedInCode("Migrations/006_closes.sql"),
                .embedInCode("Migrations/009_work.sql"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "BatchEngine",
            dependencies: [
                "Schema", "Postgres", "Digests", "Domain",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict
        ),
        .target(name: "Spreadsheet", dependencies: ["CXlsxWriter", "Domain"], swiftSettings: strict),
        .target(
            name: "Reporting",
            dependencies: [
                "Schema", "Postgres", "Spreadsheet", "Digests", "Domain", "CLinux",
                .product(name: "Mustache", package: "swift-mustache"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "daybook",
            dependencies: [
                "Reporting", "BatchEngine", "Schema", "Postgres", "Spreadsheet", "Digests", "Domain",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .target(name: "TestSupport", dependencies: ["Postgres"], path: "Tests/TestSupport", swiftSettings: strict),
        .testTarget(name: "DomainTests", dependencies: ["Domain"], swiftSettings: strict),
        .testTarget(name: "PostgresTests", dependencies: ["Postgres", "Domain", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "SpreadsheetTests", dependencies: ["Spreadsheet", "Domain"], swiftSettings: strict),
        .testTarget(
            name: "SchemaTests", dependencies: ["Schema", "Postgres", "Domain", "TestSupport", "daybook"],
            swiftSettings: strict),
        .testTarget(
            name: "ReportingTests", dependencies: ["Reporting", "Postgres", "Domain", "TestSupport", "daybook"],
            swiftSettings: strict),
        .testTarget(
            name: "StatementTests",
            dependencies: ["Reporting", "Schema", "Postgres", "Digests", "Domain", "TestSupport", "daybook"],
            exclude: ["planted.csv"],
            swiftSettings: strict),
        .testTarget(name: "CommandTests", dependencies: ["Postgres", "TestSupport", "daybook"], swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"], swiftSettings: strict),
    ]
)
