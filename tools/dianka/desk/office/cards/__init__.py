"""The register of every card that the office has made or seen."""
