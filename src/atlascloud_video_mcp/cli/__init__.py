"""The commands that people and scripts use without MCP: the same use cases, shown in a terminal.

Progress and all that is said about a clip go to stderr; stdout gets the one thing a script wants.
"""
