import Tagstream

extension Lane.Configuration where Doors: ~Copyable {
    /// A pipeline with these settings and memory of its own.
    func makePipeline() -> Pipeline {
        Pipeline(limits: limits, keepsIgnored: keepsIgnored, droppedTokens: droppedTokens)
    }
}
