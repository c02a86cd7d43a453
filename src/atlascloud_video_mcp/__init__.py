"""An MCP server that turns a still picture into a video clip on Atlas Cloud."""

__version__ = "0.1.0"
