// swift-tools-version: 6.1
import Foundation
import PackageDescription

// The rooms, and who may know whom (docs/ARCHITECTURE.md). An arrow that is not written here does not compile: CI builds with
// --explicit-target-dependency-import-check error.
var settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

// The build that the proof needs (`make failpoints`): it can be killed at named places and can have mistakes planted in it
// (docs/reliability.md). Nothing of that is in any other build; Tests/Proof looks for it in the release binary.
if ProcessInfo.processInfo.environment["TAGSTREAM_FAILPOINTS"] != nil {
    settings.append(.define("TAGSTREAM_FAILPOINTS"))
}

let package = Package(
    name: "tagstream",
    products: [
        .executable(name: "tagstream", targets: ["TagstreamCommand"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries, each from Debian through pkg-config, behind one thin header.
        .systemLibrary(name: "CLibrdkafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        // RE2 is linked statically: Debian's shared library hides the hooks by which a search is given up.
        .target(name: "CRE2", linkerSettings: [.linkedLibrary(":libre2.a")]),
        // libmaxminddb is loaded when the program starts, so that Debian's security updates reach it.
        .target(name: "CMaxMindDB", linkerSettings: [.linkedLibrary("maxminddb")]),

        // Kafka in Swift: the only target that sees librdkafka.
        .target(
            name: "Kafka",
            dependencies: ["CLibrdkafka"],
            swiftSettings: settings
        ),
        // The product without I/O: an event's whole way, pure.
        .target(
            name: "Tagstream",
            dependencies: ["CMaxMindDB", "CRE2"],
            swiftSettings: settings
        ),
        // Lanes, transactions, assignment, catalogue follower: the effects around the decisions.
        .target(
            name: "Worker",
            dependencies: [
                "Kafka", "Tagstream",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings
        ),
        // What a worker tells over HTTP: liveness, readiness, metrics. Values in, text out; it knows neither Kafka nor the worker.
        .target(
            name: "Operations",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: settings
        ),
        // The executable: commands, configuration, wiring.
        .executableTarget(
            name: "TagstreamCommand",
            dependencies: [
                "Kafka", "Operations", "Tagstream", "Worker",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),

        .target(
            name: "TestKit",
            dependencies: ["Kafka", "Tagstream", "Worker"],
            path: "Tests/TestKit",
            swiftSettings: settings
        ),
        .testTarget(name: "KafkaTests", dependencies: ["Kafka"], swiftSettings: settings),
        .testTarget(name: "OperationsTests", dependencies: ["Operations"], swiftSettings: settings),
        .testTarget(name: "TagstreamTests", dependencies: ["Tagstream", "TestKit"], swiftSettings: settings),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "TagstreamCommand", "Tagstream", "Worker", "Kafka",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "WorkerTests",
            dependencies: ["Kafka", "Tagstream", "Worker", "TestKit", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings
        ),
    ],
    cxxLanguageStandard: .cxx17
)

// The benchmarks (`make bench`) need simdjson to measure against; nobody else has to have it.
if ProcessInfo.processInfo.environment["TAGSTREAM_BENCHMARKS"] != nil {
    package.targets += [
        .systemLibrary(
            name: "CLibSimdjson",
            path: "Benchmarks/CLibSimdjson",
            pkgConfig: "simdjson",
            providers: [.apt(["libsimdjson-dev"])]
        ),
        .target(name: "CSimdjsonLimit", dependencies: ["CLibSimdjson"], path: "Benchmarks/CSimdjsonLimit"),
        .target(name: "CAllocationCounter", path: "Benchmarks/CAllocationCounter"),
        .executableTarget(
            name: "TagstreamBenchmarks",
            dependencies: ["Tagstream", "TestKit", "CSimdjsonLimit", "CAllocationCounter"],
            path: "Benchmarks/TagstreamBenchmarks",
            swiftSettings: settings
        ),
    ]
}
