"""All that the tools and commands can do; it imports nothing, for what it offers is loaded at the first call."""
