"""The journal in a PostgreSQL database that any number of machines share: its tables, its leases, and the store."""
