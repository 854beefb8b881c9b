"""What is made of a whole desk, and a desk made of it again: backups and exports."""
