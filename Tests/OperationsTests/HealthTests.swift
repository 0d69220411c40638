import Foundation
import Testing

@testable import Operations

@Suite struct `The answers to probes` {
    @Test func `are good while the lanes turn`() {
        #expect(Health.liveness(of: report()).isGood)
        #expect(Health.readiness(of: report()).isGood)
    }

    @Test(
        arguments: [
            (nil, []), (0, []), (300, []), (300.5, ["lane 0 has not turned for 300 s, the limit is 300 s"]),
            (9000, ["lane 0 has not turned for 9000 s, the limit is 300 s"]),
        ] as [(Double?, [String])]
    )
    func `name a lane that stands still`(_ seconds: Double?, _ reasons: [String]) {
        let report = report { $0.lanes[0].secondsSinceTurn = seconds }
        #expect(Health.liveness(of: report).reasons == reasons)
        #expect(Health.readiness(of: report).reasons == reasons)
    }

    @Test func `say what a start waits for`() {
        let starting = report {
            $0.catalogue = nil
            $0.lanes[0].isJoined = false
        }
        #expect(
            Health.readiness(of: starting).reasons == [
                "the catalogue has not been read to its end",
                "lane 0 has not joined its group, or restores what its partitions need",
            ]
        )
        #expect(Health.liveness(of: starting).isGood)
    }

    @Test func `are not ready while draining, and alive`() {
        let draining = report { $0.isDraining = true }
        #expect(Health.readiness(of: draining).reasons == ["the worker drains"])
        #expect(Health.liveness(of: draining).isGood)
    }

    @Test func `are ready with degraded enrichments, and list them`() throws {
        let degraded = report {
            $0.sources = [.init(name: "geoip.city"), degradedSource("lookup.a\"b", isLoaded: true)]
        }
        #expect(
            String(decoding: Health.readinessBody(of: degraded), as: UTF8.self)
                == #"{"degraded":[{"detail":"there is no file at \"x\"","last_good_in_force":true,"name":"lookup.a\"b","#
                + #""reason":"missing","since":"2027-01-15T08:00:40Z"}],"ready":true,"reasons":[]}"# + "\n"
        )
    }

    @Test(arguments: [
        ("GET", "/livez", 200, "application/json"), ("HEAD", "/readyz", 200, "application/json"),
        ("GET", "/readyz?verbose", 200, "application/json"), ("GET", "/metrics", 200, MetricsPage.contentType),
        ("GET", "/", 404, "text/plain; charset=utf-8"), ("GET", "/metrics/", 404, "text/plain; charset=utf-8"),
        ("GET", "http://h/metrics", 404, "text/plain; charset=utf-8"),
        ("POST", "/metrics", 405, "text/plain; charset=utf-8"), ("", "", 405, "text/plain; charset=utf-8"),
    ])
    func `have a status and a type`(_ method: String, _ target: String, _ status: Int, _ type: String) {
        let answer = Answer(to: method, target) { report() }
        #expect(answer.status == status)
        #expect(answer.contentType == type)
        #expect(!answer.body.isEmpty)
    }

    @Test func `are 503 with reasons where they are not good`() {
        let still = report { $0.lanes[0].secondsSinceTurn = 301 }
        for path in ["/livez", "/readyz"] {
            let answer = Answer(to: "GET", path) { still }
            #expect(answer.status == 503)
            #expect(String(decoding: answer.body, as: UTF8.self).contains("lane 0 has not turned for 301 s"))
        }
        #expect(Answer(to: "GET", "/metrics") { still }.status == 200)
    }
}

@Suite struct `An address to listen at` {
    @Test(arguments: [
        ("127.0.0.1:9090", "127.0.0.1", 9090), ("[::]:1", "::", 1), ("localhost:65535", "localhost", 65_535),
        ("0.0.0.0:0", "0.0.0.0", 0),
    ])
    func `is a host and a port`(_ text: String, _ host: String, _ port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address.host == host && address.port == port)
        #expect(address.description == text)
    }

    @Test(arguments: [
        "", ":", "9090", ":9090", "localhost", "localhost:", "::1:9090", "[]:9090", "localhost:65536", "localhost:-1",
        "localhost:+1", "localhost:9 ", "localhost:٣",
    ])
    func `is nothing else`(_ text: String) { #expect(ListenAddress(text) == nil) }
}
