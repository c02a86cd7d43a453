"""An MCP server that turns a still picture into a video clip on Atlas Cloud."""

__version__ = "2.0.0"
