"""The MCP server: its tools and all that MCP asks of them. It imports nothing: `stdio` is needed before the rest."""
