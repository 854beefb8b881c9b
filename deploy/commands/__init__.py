"""What `ste` can be asked, a module for each subject. None of them opens a store: they ask the running services."""
