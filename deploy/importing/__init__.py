"""History from elsewhere: files are read into changes, put into the order of time, and sent to the services."""
