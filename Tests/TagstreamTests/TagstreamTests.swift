// TagstreamTests
