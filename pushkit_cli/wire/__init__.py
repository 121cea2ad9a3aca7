"""HTTP/2 for APNs, bytes in and bytes out: one connection from either end, sans-IO."""
