"""Pictures on their way up, clips on their way down."""
