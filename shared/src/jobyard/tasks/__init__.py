"""The tasks that come with Jobyard: one file, one task. A new file here is found by itself."""
