"""The Atlas Cloud media API: the wire, and the types at its border."""
