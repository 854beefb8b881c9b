"""The store's schema, revision by revision: the log, and how far a change of the policies has come. Derived tables are made at start."""
