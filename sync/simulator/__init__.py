"""Each platform as a real HTTP server on loopback; part of the product, not of its tests."""
