"""The MCP server. It imports nothing: `stdio` answers before the rest is loaded."""
