"""The pages for people: every one works by links and forms alone."""
