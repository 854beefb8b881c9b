"""The store's schema, revision by revision: the log and the primary tables. Derived tables are made at start."""
