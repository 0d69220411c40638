import Operations

/// Where a worker answers probes and scrapers.
struct HTTPSettings {
    /// Nil: nowhere.
    var address: ListenAddress?

    /// A text that is no address.
    struct Mistake: Error {
        let expected = "host:port such as 0.0.0.0:9090, with [] around an IPv6 address, or none"
    }

    /// Nowhere.
    init() {}

    /// Reads an address, or `none`.
    init(_ text: String) throws(Mistake) {
        guard text != "none" else { return }
        guard let address = ListenAddress(text) else { throw Mistake() }
        self.address = address
    }
}

extension Settings {
    /// The keys of `http`.
    ///
    /// Off by default: nothing listens that nobody asked for, and a second worker on a machine finds no port taken.
    static let httpKeys = [
        Key(
            name: "http.address",
            meaning:
                "host:port or none, none: where /livez, /readyz and /metrics are served; port 0 is any that is free"
        ) { settings, value in
            do throws(HTTPSettings.Mistake) {
                settings.http = try HTTPSettings(value.text ?? "")
            } catch {
                throw Mistake(value, error.expected)
            }
        }
    ]
}
